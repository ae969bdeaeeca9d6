//! libFuzzer around [`socketio_fuzz::client_socket`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::client_socket::run(data));
