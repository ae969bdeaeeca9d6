//! libFuzzer around [`socketio_fuzz::sio_values`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketio_fuzz::sio_values::run(data));
