//! libFuzzer around [`socketio_fuzz::websocket_extensions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::websocket_extensions::run(data));
