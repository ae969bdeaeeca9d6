//! libFuzzer around [`socketio_fuzz::client_session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::client_session::run(data));
