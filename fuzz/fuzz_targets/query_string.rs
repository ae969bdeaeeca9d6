//! libFuzzer around [`socketio_fuzz::query_string`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::query_string::run(data));
