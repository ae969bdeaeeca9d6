//! libFuzzer around [`socketio_fuzz::cluster_node`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::cluster_node::run(data));
