//! What is wrong in the packets of Socket.IO: payloads, attachments, acknowledgements, CONNECTs. (E23, E33, E38, E45; hazards R21, R40)

use super::{BOUND, admit, expect_end, expect_nothing, once, open, serve_on};
use crate::harness::{log_of_socket, run, soon};

/// E23: what cannot be decoded ends the connection as `parse error`, and it comes back.
#[test]
fn a_packet_that_cannot_be_decoded_is_a_parse_error() {
    let deep = format!("42[\"x\",{}{}]", "[".repeat(2000), "]".repeat(2000));
    let long = format!("42/{},[\"x\"]", "n".repeat(2000));
    let packets = [
        "4",
        "47",
        "49[]",
        "4x",
        "42",
        "42[",
        "42{}",
        "42[]",
        "42[{}]",
        "42\"x\"",
        "42[\"x\"",
        "42[\"x\"]]",
        "42[\"\\ud800\"]",
        "40[",
        "431{}",
        "45[\"x\"]",
        "451[\"x\"]",
        "451-",
        "45-[\"x\"]",
        "451-[\"x\",{\"_placeholder\":true,\"num\":7}]",
        "451-[\"x\",{\"_placeholder\":true,\"num\":-1}]",
        "451-[\"x\",{\"_placeholder\":true,\"num\":\"0\"}]",
        "451000000-[\"x\",{\"_placeholder\":true,\"num\":0}]",
        "4599999999999999999999-[\"x\"]",
        &deep,
        &long,
    ];
    for packet in packets {
        let text = packet.to_owned();
        let server = once(move |caller, request| {
            open(caller, request);
            admit(caller);
            caller.text(&text);
            if text.starts_with("451-[") {
                caller.frame(0x82, b"attachment");
            }
            caller.is_ended();
        });
        run(async { drop(expect_end(&server, "parse error", &packet[..packet.len().min(60)]).await) });
    }
}

/// E23, S27: attachments that are too many, too large, not what was announced, or do not come.
#[test]
fn attachments_that_are_not_what_was_announced_are_a_parse_error() {
    const ONE: &str = r#"451-["x",{"_placeholder":true,"num":0}]"#;
    const TWO: &str = r#"452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    type Play = fn(&mut socketio_tests::Caller);
    let cases: [(&str, Play); 6] = [
        ("one that never comes", |caller| {
            caller.text(ONE);
        }),
        ("one of two that never comes", |caller| {
            caller.text(TWO);
            caller.frame(0x82, b"first");
        }),
        ("a text in its place", |caller| {
            caller.text(ONE);
            caller.text(r#"42["y"]"#);
        }),
        ("one that nobody announced", |caller| {
            caller.frame(0x82, b"attachment");
        }),
        ("more bytes than they may have together", |caller| {
            caller.text(TWO);
            caller.frame(0x82, &vec![0; BOUND - 100]);
            caller.frame(0x82, &vec![0; BOUND - 100]);
        }),
        ("a flood of them", |caller| {
            caller.text(ONE);
            while caller.frame(0x82, &[0; 1000]) {}
        }),
    ];
    for (what, play) in cases {
        let server = once(move |caller, request| {
            open(caller, request);
            admit(caller);
            play(caller);
            caller.is_ended();
        });
        run(async { drop(expect_end(&server, "parse error", what).await) });
    }
}

/// E38, S27: what comes before the answer to CONNECT is kept up to a bound; beyond it the connection ends, while more
/// comes.
#[test]
fn a_flood_of_events_before_the_answer_to_connect_is_bounded() {
    for payload in [0, 10_000] {
        let server = once(move |caller, request| {
            open(caller, request);
            caller.read_text();
            let event = format!("42[\"early\",\"{}\"]", "x".repeat(payload));
            while caller.text(&event) {}
        });
        run(async { drop(expect_end(&server, "parse error", "early events").await) });
    }
}

/// E38, E30: what is within the bound is delivered, before `connect`.
#[test]
fn early_events_within_the_bound_are_delivered_before_connect() {
    let server = once(|caller, request| {
        open(caller, request);
        caller.read_text();
        for number in 0..100 {
            caller.text(&format!("42[\"early\",{number}]"));
        }
        caller.text(r#"40{"sid":"s"}"#);
        serve_on(caller);
    });
    run(async {
        let (socket, _) = super::client_of(&server);
        let (mut events, log) = (socket.events(), log_of_socket(&socket));
        soon(socket.connect()).await.unwrap();
        for number in 0..100_u32 {
            assert_eq!(soon(events.next()).await.unwrap().data::<u32>().unwrap(), number);
        }
        assert_eq!(log.entries(), ["connect"]);
    });
}

/// E33, E45, R21, R41: what means nothing is read over: CONNECT twice, DISCONNECT of nobody, acknowledgements and
/// events of nobody.
#[test]
fn packets_that_mean_nothing_are_read_over() {
    let server = once(|caller, request| {
        open(caller, request);
        for text in [r#"42["before"]"#, "41", "430[]", "41/other", r#"44/other,{"message":"no"}"#] {
            caller.text(text);
        }
        admit(caller);
        let texts = [
            r#"40{"sid":"t"}"#,
            r#"40/other,{"sid":"t"}"#,
            r#"44{"message":"too late"}"#,
            r#"43["no id"]"#,
            "43555[1]",
            r#"43999["nobody"]"#,
            "439007199254740991[]",
            r#"43/other,0["nobody"]"#,
            r#"42/other,["x"]"#,
            r#"42/other,7["x"]"#,
            r#"42["without","a","handler"]"#,
            r#"427["without","a","handler"]"#,
        ];
        for text in texts {
            caller.text(text);
        }
        serve_on(caller);
    });
    run(expect_nothing(&server, "packets that mean nothing"));
}

/// E45, S27: a flood of acknowledgements and of events of nobody is read over too.
#[test]
fn a_flood_of_packets_that_mean_nothing_is_read_over() {
    let server = once(|caller, request| {
        open(caller, request);
        admit(caller);
        for number in 0..20_000 {
            caller.text(&format!("43{}[\"nobody\"]", 1000 + number));
            caller.text(&format!("42/n{number},{number}[\"x\"]"));
        }
        serve_on(caller);
    });
    run(expect_nothing(&server, "a flood"));
}
