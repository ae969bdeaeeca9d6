//! libFuzzer around [`socketio_fuzz::msgpack`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::msgpack::run(data));
