//! libFuzzer around [`socketio_fuzz::server_session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::server_session::run(data));
