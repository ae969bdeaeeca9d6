//! `sio connect` as scripts have it: lines in, lines or JSON out, and what it does when the connection is lost.

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{cable::Cable, person::Person, program::Served, reference};

#[test]
fn a_script_of_lines_is_answered_over_each_transport() {
    let served = Served::start(&[]);
    let url = format!("{}/echo", served.url());
    for transport in ["polling", "websocket"] {
        let mut person = Person::start(&[&url, "--transport", transport]);
        for line in ["hello {\"a\":1} hex:010203", "?add 1 two", "/nonsense", "/state"] {
            person.types(line);
        }
        person.sees(&format!("over {transport}"));
        person.sees("/echo ← hello {\"a\":1} <binary 3 bytes: 01 02 03>");
        person.ends_input();
        let (code, lines) = person.end();
        assert_eq!(code, Some(0), "{lines:#?}");
        for part in ["↩ add 1 \"two\" (", "! there is no /nonsense", "· open, over ", "· disconnected"] {
            assert!(lines.iter().any(|line| line.contains(part)), "{part}: {lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.contains('\u{1b}')), "no colours where there is no terminal: {lines:#?}");
    }
}

#[test]
fn an_upgrade_is_shown() {
    let served = Served::start(&[]);
    let mut person = Person::start(&[&served.url()]);
    person.sees("upgraded to websocket");
}

#[test]
fn with_json_every_line_is_an_object_that_says_what_it_is() {
    let served = Served::start(&[]);
    let mut person = Person::start(&[&served.url(), "--namespace", "/echo", "--json", "-t", "websocket"]);
    person.types("hello 1.50 hex:ff");
    person.types("?add 1 2");
    person.types("oops {");
    person.sees("\"event\":\"hello\"");
    person.ends_input();
    let (code, lines) = person.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let objects: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    let find = |kind: &str| {
        objects.iter().find(|object| object["type"] == kind).unwrap_or_else(|| panic!("{kind}: {lines:#?}"))
    };
    assert!(objects.iter().all(|object| object["namespace"] == "/echo" && object["time"].is_string()), "{lines:#?}");
    assert_eq!(find("connecting")["url"], served.url());
    let connected = find("connected");
    assert_eq!((&connected["transport"], &connected["recovered"]), (&json!("websocket"), &json!(false)));
    let event = find("event");
    assert_eq!((&event["event"], &event["attachments"]), (&json!("hello"), &json!(["/w=="])));
    assert_eq!(event["args"], json!([1.5, {"_placeholder": true, "num": 0}]));
    assert_eq!(find("answer")["args"], json!([1, 2]));
    assert!(find("error")["message"].as_str().unwrap().contains("begins as JSON"));
    assert_eq!(find("disconnected")["reason"], "io client disconnect");
}

#[test]
fn a_question_of_the_server_is_answered_by_its_number() {
    let server = reference::start(json!({}));
    let mut person = Person::start(&[&reference::url(&server, "/asking")]);
    person.types("?ask-me 60000 sure?");
    person.sees("← question \"sure?\" [acknowledge with !1]");
    person.types("!1 yes 2");
    person.sees("↩ ask-me \"answered\" \"yes\" 2 (");
    person.types("!1 again");
    person.sees("no event waits for the answer !1");
}

#[test]
fn headers_query_and_auth_reach_the_server() {
    let server = reference::start(json!({}));
    let mut person = Person::start(&[&reference::url(&server, "/custom"), "--auth", r#"{"token":"abc"}"#]);
    person.sees(r#"← auth {"token":"abc"}"#);
    // Refused where the query has `forbid`, whether it comes from the URL or an option.
    for args in [&["/?forbid=1"][..], &["/", "--query", "forbid=1"]] {
        let url = reference::url(&server, args[0]);
        let mut person = Person::start(&[&[&*url, "--no-reconnect"], &args[1..]].concat());
        person.sees("not reached: polling: the server refused");
        assert_eq!(person.end().0, Some(4));
    }
}

#[test]
fn a_refusal_ends_a_script_with_2() {
    let server = reference::start(json!({}));
    let person = Person::start(&[&reference::url(&server, "/guarded"), "--auth", r#"{"token":"wrong"}"#]);
    let (code, lines) = person.end();
    assert_eq!(code, Some(2), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("refused: not authorized {\"code\"")), "{lines:#?}");
}

#[test]
fn a_server_that_is_not_there_is_tried_again_for_as_long_as_the_timeout_says() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut person = Person::start(&[&format!("http://{free}"), "--timeout", "2s"]);
    person.sees("not reached: polling: no connection");
    person.sees("attempt 1");
    person.sees("not connected within 2s");
    assert_eq!(person.end().0, Some(4));
}

#[test]
fn a_server_that_is_killed_and_comes_back_is_shown_as_it_happens() {
    let served = Served::start(&[]);
    let (url, addr) = (format!("{}/echo", served.url()), served.addr().to_string());
    let mut person = Person::start(&[&url, "-t", "websocket"]);
    let first = person.sees("connected as ");
    drop(served);
    person.sees("lost: transport ");
    person.sees("attempt 1");
    let _served = Served::start_at(&addr, &[]);
    let second = person.sees("connected as ");
    let id = |line: &str| line.split(' ').nth(5).map(str::to_owned);
    assert_ne!(id(&first), id(&second), "a new session");
    person.types("?add 1");
    person.sees("↩ add 1 (");
    person.types("/quit");
    assert_eq!(person.end().0, Some(0));
}

#[test]
fn a_session_that_is_taken_up_again_is_said_to_be() {
    let server = reference::start(json!({ "recovery": 60_000 }));
    let cable = Cable::to(server.port());
    let mut person = Person::start(&[&cable.url("/recovery"), "-t", "websocket"]);
    person.sees("connected as ");
    // An event is what a client counts from.
    let control = ["emit", &reference::url(&server, "/control"), "emit", "/recovery", "room", "false", "news", "1"];
    assert!(crate::program::run(&control).status.success());
    person.sees("← news 1 ");
    cable.cut();
    person.sees("lost: transport close; next attempt in ");
    assert!(person.sees("connected as ").ends_with("over websocket (recovered)"));
}

#[test]
fn leaving_and_coming_back_is_typed() {
    let served = Served::start(&[]);
    let mut person = Person::start(&[&format!("{}/echo", served.url())]);
    person.sees("connected as ");
    person.types("/disconnect");
    person.sees("· disconnected");
    person.types("hello kept");
    person.types("/state");
    person.sees("closed, no id, 0 bytes queued, events kept for the next connection: 1");
    person.types("/connect");
    person.sees("← hello \"kept\"");
}

#[test]
fn an_acknowledgement_that_does_not_come_ends_a_script_with_3() {
    let served = Served::start(&[]);
    let mut person = Person::start(&[&served.url(), "--timeout", "400ms"]);
    person.types("?unheard");
    person.ends_input();
    let (code, lines) = person.end();
    assert_eq!(code, Some(3), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("! unheard: ")), "{lines:#?}");
}

#[test]
fn at_the_end_of_the_input_it_stays_where_that_is_asked_for_until_a_signal() {
    let server = reference::start(json!({}));
    let mut person = Person::start(&[&reference::url(&server, "/room-1"), "--stay"]);
    person.ends_input();
    person.sees("connected as ");
    person.sees("← hello");
    let args = ["emit", &reference::url(&server, "/room-1"), "say", "still there", "--no-ack"];
    assert!(crate::program::run(&args).status.success());
    person.sees("← said \"still there\"");
    person.signal(Signal::INT);
    person.sees("· disconnected");
    assert_eq!(person.end().0, Some(0));
}
