//! `Sec-WebSocket-Extensions`, the offers of a client and the answer of a server. [RFC 7692 §5]

use engineio_proto::websocket::{check_deflate_answer, negotiate_deflate};

/// Lines are values of the header.
pub fn run(data: &[u8]) {
    let values: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let answer = negotiate_deflate(values.iter().copied());
    if let Some(answer) = answer {
        assert!(answer.starts_with("permessage-deflate"));
        assert_eq!(check_deflate_answer([answer.as_bytes()]), Some(true), "{answer}");
    }
    let accepted = check_deflate_answer(values.iter().copied());
    if accepted == Some(true) {
        assert!(
            negotiate_deflate(values.iter().copied()).is_some() || has_window(data),
            "an answer is an offer as well"
        );
    }
    // Whether a list comes in several headers or in one makes no difference, but for the bound on their length.
    let joined = values.join(&b", "[..]);
    if joined.len() <= 4096 {
        assert_eq!(negotiate_deflate([&joined[..]]), answer);
        assert_eq!(check_deflate_answer([&joined[..]]), accepted);
    }
}

/// The one parameter whose values an answer may have and an offer is not accepted with.
fn has_window(data: &[u8]) -> bool {
    data.windows(b"server_max_window_bits".len()).any(|window| window == b"server_max_window_bits")
}
