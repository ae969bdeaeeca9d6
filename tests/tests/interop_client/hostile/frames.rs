//! What is wrong below the packets: WebSocket handshakes, frames, and the engine's packets in them. (B18, B39, B41; hazards S27, S34, R40)

use super::{BOUND, Witness, admit, expect_end, expect_nothing, once, open, serve_on};
use crate::harness::run;

/// A handshake that is none, and whatever comes in the place of an open packet, is an attempt that has failed.
#[test]
fn a_session_that_does_not_open_is_an_attempt_that_failed() {
    let long = format!(r#"0{{"sid":"{}","upgrades":[],"pingInterval":1,"pingTimeout":1}}"#, "x".repeat(BOUND));
    let firsts = [
        long.as_str(),
        "",
        "x",
        "0",
        "0{",
        "0[]",
        "0{}",
        "2",
        "40",
        "4hello",
        r#"0{"sid":"","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
        r#"0{"sid":"x","upgrades":[],"pingInterval":0,"pingTimeout":0,"maxPayload":1000000}"#,
        r#"0{"sid":"x","upgrades":[],"pingInterval":-1,"pingTimeout":20000,"maxPayload":1000000}"#,
        r#"0{"sid":"x","upgrades":[],"pingInterval":"1","pingTimeout":20000,"maxPayload":1000000}"#,
    ];
    for first in firsts {
        let text = first.to_owned();
        let server = once(move |caller, request| {
            caller.switch(request);
            caller.text(&text);
            caller.is_ended();
        });
        run(async { drop(expect_end(&server, "failed", first).await) });
    }
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nrubbish",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        "rubbish\r\n\r\n",
        "",
    ];
    for answer in answers {
        let server = once(move |caller, _| {
            caller.send(answer.as_bytes());
            caller.abort();
        });
        run(async { drop(expect_end(&server, "failed", answer).await) });
    }
}

/// R27: [RFC 6455 §5]: each broken rule of framing ends the connection as a transport error, as soon as it is seen.
#[test]
fn a_broken_rule_of_framing_is_a_transport_error() {
    let huge = [&[0x82, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
    let over = [&[0x81, 127][..], &(BOUND as u64 + 1).to_be_bytes()].concat();
    let cases: [(&str, Vec<u8>); 12] = [
        ("a length of a tebibyte", huge),
        ("a length of one over the bound", over),
        ("a length that is negative", [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat()),
        ("a mask", vec![0x81, 0x82, 0, 0, 0, 0, b'4', b'x']),
        ("a reserved bit", vec![0xc1, 0x01, b'2']),
        ("an unknown opcode", vec![0x83, 0x00]),
        ("text that is no UTF-8", vec![0x81, 0x02, b'4', 0xff]),
        ("a control frame in fragments", vec![0x09, 0x00]),
        ("a long control frame", [&[0x89, 126, 0, 126][..], &[0; 126]].concat()),
        ("a continuation of nothing", vec![0x80, 0x01, b'x']),
        ("a message within another", vec![0x01, 0x01, b'4', 0x81, 0x01, b'4']),
        ("a close frame of one byte", vec![0x88, 0x01, 3]),
    ];
    for (what, bytes) in cases {
        let witness = Witness::new();
        let seen = witness.clone();
        let server = once(move |caller, request| {
            open(caller, request);
            admit(caller);
            caller.send(&bytes);
            seen.sees(caller.is_ended());
        });
        run(async {
            expect_end(&server, "transport error", what).await;
            witness.has_seen().await;
        });
    }
}

/// S34, S27: fragments without an end, tiny and large, are an error at the bound of their number or bytes, while more
/// come.
#[test]
fn endless_fragments_are_an_error_at_the_bound() {
    for size in [0, 1, 16 * 1024] {
        let server = once(move |caller, request| {
            open(caller, request);
            admit(caller);
            let fragment = vec![b'x'; size];
            let mut first = 0x01;
            while caller.frame(first, &fragment) {
                first = 0x00;
            }
        });
        run(async { drop(expect_end(&server, "transport error", "fragments").await) });
    }
}

/// B41, E25, E34: a connection that ends, in order or in the middle of a frame, is a transport close, and comes back.
#[test]
fn a_connection_that_ends_anywhere_comes_back() {
    let cases: [(&str, &str, &[u8]); 5] = [
        ("in the middle of a payload", "transport close", &[0x81, 0x05, b'4', b'2']),
        ("in the middle of a length", "transport close", &[0x81, 126, 1]),
        ("between fragments", "transport close", &[0x01, 0x01, b'4']),
        ("with a close frame", "transport close", &[0x88, 0x06, 0x03, 0xf1, b'g', b'o', b'n', b'e']),
        ("without a word", "transport close", &[]),
    ];
    for (what, end, bytes) in cases {
        let server = once(move |caller, request| {
            open(caller, request);
            admit(caller);
            caller.send(bytes);
            if what != "with a close frame" {
                caller.abort();
            }
            caller.is_ended();
        });
        run(async { drop(expect_end(&server, end, what).await) });
    }
}

/// B39: what is no packet of the engine is a server error; packets that mean nothing now are read over (B38).
#[test]
fn packets_of_the_engine_are_refused_or_read_over() {
    for junk in ["", "x", "7", "9", "é", "-1"] {
        let server = once(move |caller, request| {
            open(caller, request);
            admit(caller);
            caller.text(junk);
            caller.is_ended();
        });
        run(async { drop(expect_end(&server, "transport error", junk).await) });
    }
    let server = once(|caller, request| {
        open(caller, request);
        for text in [OPEN_AGAIN, "1", "3", "3probe", "5", "6", "2", "2probe"] {
            caller.text(text);
        }
        serve_on(caller);
    });
    run(expect_nothing(&server, "packets that mean nothing"));
}

const OPEN_AGAIN: &str = r#"0{"sid":"y","upgrades":["websocket"],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#;

/// B28, S27: pings in a flood, of the WebSocket and of the engine, while the server does not read: the client lives on.
#[test]
fn a_flood_of_pings_is_survived() {
    for (first, payload) in [(0x89, vec![b'p'; 125]), (0x81, b"2".to_vec())] {
        let server = once(move |caller, request| {
            open(caller, request);
            admit(caller);
            for _ in 0..50_000 {
                if !caller.frame(first, &payload) {
                    return;
                }
            }
            serve_on(caller);
        });
        run(expect_nothing(&server, "pings"));
    }
}

/// B28, R40: intervals that are absurd are kept to, without a panic: a tiny one times out, and a huge one never does.
#[test]
fn absurd_intervals_are_kept_to() {
    let huge = u64::MAX;
    for (interval, timeout) in [(huge, huge), (huge, 1), (i64::MAX as u64, 20_000)] {
        let server = once(move |caller, request| {
            caller.switch(request);
            caller.text(&format!(
                r#"0{{"sid":"x","upgrades":[],"pingInterval":{interval},"pingTimeout":{timeout},"maxPayload":{huge}}}"#
            ));
            serve_on(caller);
        });
        run(expect_nothing(&server, "huge intervals"));
    }
    let server = once(|caller, request| {
        caller.switch(request);
        caller.text(r#"0{"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#);
        serve_on(caller);
    });
    run(async { drop(expect_end(&server, "ping timeout", "tiny intervals").await) });
}
