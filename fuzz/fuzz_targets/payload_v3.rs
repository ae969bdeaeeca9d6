//! libFuzzer around [`socketio_fuzz::payload_v3`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::payload_v3::run(data));
