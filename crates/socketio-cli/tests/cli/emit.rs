//! `sio emit`: what it prints, and the exit code for each way in which it can end.

use std::{net::TcpListener, process::Output};

use serde_json::{Value, json};

use crate::{
    program::{Served, run},
    reference,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_ends(output: &Output, code: i32, said: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(said), "{said}: {error}");
}

#[test]
fn the_answer_is_printed_whatever_the_transport() {
    let served = Served::start(&[]);
    let url = format!("{}/echo", served.url());
    for transports in [&[][..], &["-t", "polling"], &["-t", "websocket"], &["-t", "websocket", "-t", "polling"]] {
        let args = ["emit", &url, "any", "1", "two words", r#"{"b":1.50,"a":[]}"#, "hex:010203"];
        let output = run(&[&args[..], transports].concat());
        assert_ends(&output, 0, "");
        assert_eq!(text(&output.stdout), "1 \"two words\" {\"b\":1.50,\"a\":[]} <binary 3 bytes: 01 02 03>\n");
    }
}

#[test]
fn with_json_the_answer_is_one_object() {
    let served = Served::start(&[]);
    let output = run(&["emit", &served.url(), "-n", "/echo", "--json", "any", "-1", "hex:ff"]);
    assert_ends(&output, 0, "");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["type"], &answer["event"], &answer["namespace"]),
        (&json!("answer"), &json!("any"), &json!("/echo"))
    );
    assert_eq!(answer["args"], json!([-1, {"_placeholder": true, "num": 0}]));
    assert_eq!(answer["attachments"], json!(["/w=="]));
    assert!(answer["ms"].is_f64(), "{answer}");
}

#[test]
fn a_refusal_exits_with_2_and_says_what_the_server_said() {
    let server = reference::start(json!({}));
    let url = reference::url(&server, "/guarded");
    let output = run(&["emit", &url, "any", "--auth", r#"{"token":"wrong"}"#]);
    assert_ends(&output, 2, r#"refused: not authorized {"code":"E_TOKEN","given":"wrong"}; --auth says who comes"#);
    let output = run(&["emit", &url, "any", "--json"]);
    assert_ends(&output, 2, "not authorized");
    let refused: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&refused["type"], &refused["data"]["code"]), (&json!("refused"), &json!("E_TOKEN")));
    let output = run(&["emit", &reference::url(&server, "/nowhere"), "any"]);
    assert_ends(&output, 2, "Invalid namespace; the server has none of that name");
    let output = run(&["emit", &url, "any", "--auth", r#"{"token":"secret"}"#, "--no-ack"]);
    assert_ends(&output, 0, "");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn what_is_sent_reaches_the_server_also_without_an_acknowledgement() {
    let server = reference::start(json!({}));
    let mut watcher = crate::person::Person::start(&[&reference::url(&server, "/room-1")]);
    watcher.sees("← hello");
    for transport in ["polling", "websocket"] {
        let output = run(&["emit", &reference::url(&server, "/room-1"), "say", transport, "--no-ack", "-t", transport]);
        assert_ends(&output, 0, "");
        watcher.sees(&format!("← said \"{transport}\""));
    }
}

#[test]
fn a_server_that_does_not_answer_exits_with_3_within_the_timeout() {
    let served = Served::start(&[]);
    let output = run(&["emit", &served.url(), "unheard", "--timeout", "300ms"]);
    assert_ends(&output, 3, "did not acknowledge it within 300ms: --timeout gives it longer");
    // It takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run(&["emit", &format!("http://{}", silent.local_addr().unwrap()), "any", "--timeout", "300ms"]);
    assert_ends(&output, 3, "did not let the client in within 300ms");
}

#[test]
fn a_server_that_is_not_there_exits_with_4_after_one_attempt() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&["emit", &format!("http://{free}"), "any"]);
    assert_ends(&output, 4, "is the server there");
    let served = Served::start(&[]);
    assert_ends(&run(&["emit", &served.url(), "any", "--path", "/other"]), 4, "compare --path");
}

#[test]
fn what_cannot_begin_exits_with_1() {
    let served = Served::start(&[]);
    for (args, said) in [
        (["emit", &served.url(), "connect", "--no-ack"], "reserved"),
        (["emit", &served.url(), "any", "--ca=/nowhere/at/all"], "--ca /nowhere/at/all cannot be read"),
        (["emit", &served.url(), "any", "--ca=README.md"], "BEGIN CERTIFICATE"),
        (["emit", &served.url(), "any", "--auth=@/nowhere/at/all"], "--auth @/nowhere/at/all cannot be read"),
    ] {
        assert_ends(&run(&args), 1, said);
    }
}

#[test]
fn the_packets_may_be_msgpack() {
    let server = reference::start(json!({ "msgpack": true }));
    let output = run(&["emit", &reference::url(&server, "/echo"), "any", "1", "hex:ff", "--parser", "msgpack"]);
    assert_ends(&output, 0, "");
    assert_eq!(text(&output.stdout), "1 <binary 1 byte: ff>\n");
}
