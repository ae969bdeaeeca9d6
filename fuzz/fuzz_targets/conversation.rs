//! libFuzzer around [`socketio_fuzz::conversation`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::conversation::run(data));
