//! libFuzzer around [`socketio_fuzz::recovery`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::recovery::run(data));
