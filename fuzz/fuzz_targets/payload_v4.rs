//! libFuzzer around [`socketio_fuzz::payload_v4`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::payload_v4::run(data));
