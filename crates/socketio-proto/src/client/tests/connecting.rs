//! How a socket is let in, refused and let go, row by row. (E27 to E35, E38, E57, E58)

use super::*;

fn payload(value: &Value) -> Body {
    Body::connect(value).unwrap()
}

/// A socket whose session is `p` with `offset`, about to connect again; the CONNECT with this payload of the user's.
fn reconnect_with(offset: Option<&str>, users: Option<&Value>) -> String {
    let mut rig = Rig::recoverable();
    if let Some(offset) = offset {
        rig.packet(event_packet(Body::event("x", &(1, offset)).unwrap()));
    }
    rig.close();
    rig.socket.handle_engine_opened(&mut rig.out);
    let users = users.map(payload);
    rig.answer_auth(users.as_ref())
}

/// E27: a fresh payload each time, as tokens expire.
#[test]
fn the_auth_payload_is_asked_for_at_each_connection() {
    let mut rig = Rig::idle();
    for token in ["one", "two", "three"] {
        if rig.socket.is_active() {
            rig.close();
            rig.socket.handle_engine_opened(&mut rig.out);
        } else {
            rig.socket.handle_connect(true, &mut rig.out);
        }
        let sent = rig.answer_auth(Some(&payload(&json!({ "token": token }))));
        assert_eq!(sent, format!(r#"send(CONNECT{{"token":"{token}"}})"#));
        assert_eq!(rig.join(&json!({ "sid": token })), "connected");
    }
}

/// E27, R14: the function of the user took longer than the connection lived.
#[test]
fn a_payload_for_an_earlier_connection_is_not_sent_on_a_later_one() {
    let mut rig = Rig::idle();
    rig.socket.handle_connect(true, &mut rig.out);
    let first = rig.ask();
    rig.close();
    rig.socket.handle_engine_opened(&mut rig.out);
    let second = rig.ask();
    rig.socket.handle_auth(first, Some(&payload(&json!({ "token": "old" }))), &mut rig.out).unwrap();
    rig.socket.handle_auth_failed(first, "too late", &mut rig.out);
    assert_eq!(taken(&mut rig.out), "");
    rig.socket.handle_auth(second, Some(&payload(&json!({ "token": "new" }))), &mut rig.out).unwrap();
    assert_eq!(taken(&mut rig.out), r#"send(CONNECT{"token":"new"})"#);
}

/// E28.
#[test]
fn the_connect_names_the_session_and_the_last_offset_when_they_are_known() {
    assert_eq!(reconnect_with(Some("o"), None), r#"send(CONNECT{"pid":"p","offset":"o"})"#);
    assert_eq!(reconnect_with(None, None), r#"send(CONNECT{"pid":"p"})"#);
    let with_token = reconnect_with(Some("o"), Some(&json!({ "token": "t" })));
    assert_eq!(with_token, r#"send(CONNECT{"pid":"p","offset":"o","token":"t"})"#);
    assert_eq!(reconnect_with(Some("a\"b"), Some(&json!({}))), r#"send(CONNECT{"pid":"p","offset":"a\"b"})"#);
}

/// E28.
#[test]
fn what_the_user_puts_into_the_connect_goes_before_what_recovery_would() {
    let cases = [
        (json!({ "pid": "mine" }), r#"{"offset":"o","pid":"mine"}"#),
        (json!({ "offset": null }), r#"{"pid":"p","offset":null}"#),
        (json!({ "pid": 1, "offset": 2 }), r#"{"offset":2,"pid":1}"#),
        (json!({ "inner": { "pid": 1 } }), r#"{"pid":"p","offset":"o","inner":{"pid":1}}"#),
    ];
    for (users, expected) in cases {
        assert_eq!(reconnect_with(Some("o"), Some(&users)), format!("send(CONNECT{expected})"), "{users}");
    }
}

/// E29.
#[test]
fn a_socket_says_what_it_is() {
    let mut rig = Rig::idle();
    let seen = |rig: &Rig| {
        let socket = &rig.socket;
        (socket.is_connected(), socket.is_active(), socket.id().map(str::to_owned), socket.namespace().to_string())
    };
    assert_eq!(seen(&rig), (false, false, None, "/".into()));
    rig.connect();
    assert_eq!(seen(&rig), (false, true, None, "/".into()));
    rig.join(&json!({ "sid": "s" }));
    assert_eq!(seen(&rig), (true, true, Some("s".into()), "/".into()));
    rig.close();
    assert_eq!(seen(&rig), (false, true, None, "/".into()));
    rig.disconnect();
    assert_eq!(seen(&rig), (false, false, None, "/".into()));
}

/// E30, E37, E38, E47: early events, the offline buffer, what is tried again, and then `connect`.
#[test]
fn a_socket_is_connected_after_everything_that_waited_for_it() {
    let mut rig = Rig::new(ClientSocketOptions { retries: Some(1), ..ClientSocketOptions::default() });
    for name in ["q1", "q2"] {
        assert_eq!(rig.emit(name, None), "queued");
    }
    for name in ["b1", "b2"] {
        let packet = Outgoing::event(event(name), None);
        rig.socket.handle_unsent(packet, &mut rig.out).unwrap();
    }
    rig.connect();
    for name in ["e1", "e2"] {
        assert_eq!(rig.packet(event_packet(event(name))), "");
    }
    let order = "event(e1) event(e2) send(b1) send(b2) send(q1?0) connected";
    assert_eq!(rig.join(&json!({ "sid": "s" })), order);
    assert_eq!(rig.socket.buffered().count(), 0);
}

/// E31.
#[test]
fn a_refusal_has_the_servers_message_and_data_and_is_final() {
    let mut rig = Rig::idle();
    rig.connect();
    let body = Body::connect_error("not authorized", Some(&json!({ "code": 7 }))).unwrap();
    rig.socket.handle_packet(packet(PacketKind::ConnectError, Some(body)), rig.now, &mut rig.out).unwrap();
    let Some(ClientOutput::Refused(refusal)) = rig.out.pop() else { panic!("it is refused") };
    assert_eq!((refusal.message(), refusal.data_json()), ("not authorized", Some(r#"{"code":7}"#)));
    assert_eq!(refusal.data::<Value>(), Ok(Some(json!({ "code": 7 }))));
    assert!(refusal.data::<u8>().is_err());
    assert!(!rig.socket.is_active());
    rig.close();
    rig.socket.handle_engine_opened(&mut rig.out);
    assert_eq!(taken(&mut rig.out), "");
    assert_eq!(rig.connect(), "send(CONNECT)"); // by hand, with other credentials
}

/// E31, C25: servers of revision 4 send a text, or what the user's error has as data; others may send anything.
#[test]
fn a_refusal_can_be_read_whatever_its_shape() {
    let cases = [
        (r#""Invalid namespace""#, "Invalid namespace", None),
        (r#"{"message":"no"}"#, "no", None),
        (r#"{"message":"no","data":null}"#, "no", None),
        (r#"{"data":1,"message":"no","more":2}"#, "no", Some("1")),
        (r#"{"message":5,"data":[1]}"#, "5", Some("[1]")),
        (r#"{"code":7}"#, "refused by the server", Some(r#"{"code":7}"#)),
        ("{}", "refused by the server", Some("{}")),
    ];
    for (json, message, data) in cases {
        let mut rig = Rig::idle();
        rig.connect();
        let body = Body::from_parts(PacketKind::ConnectError, json, Vec::new()).unwrap();
        let refused = packet(PacketKind::ConnectError, Some(body));
        rig.socket.handle_packet(refused, rig.now, &mut rig.out).unwrap();
        let Some(ClientOutput::Refused(refusal)) = rig.out.pop() else { panic!("it is refused") };
        assert_eq!((refusal.message(), refusal.data_json()), (message, data), "{json}");
    }
}

/// E31: the user changes the credentials and connects again.
#[test]
fn what_waits_for_a_connection_stays_when_the_server_refuses() {
    let mut rig = Rig::idle();
    rig.emit("b", Some(1));
    rig.connect();
    assert_eq!(rig.packet(connect_error("no")), "refused(no)");
    assert_eq!(rig.buffered(), ["b"]);
    rig.connect();
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(b?0) connected");
}

/// E32: an id that is no text is none.
#[test]
fn a_connect_without_an_id_is_a_server_of_another_version() {
    for answer in [json!({}), json!({ "pid": "p" }), json!({ "sid": null }), json!({ "sid": 7 })] {
        let mut rig = Rig::idle();
        rig.connect();
        assert!(rig.join(&answer).starts_with("refused(the server confirmed the namespace without an id"), "{answer}");
        assert!(!rig.socket.is_active());
    }
}

/// E33, E34: told once, with the reference's words; and then who waits for an acknowledgement.
#[test]
fn the_reason_of_a_disconnect_is_told_once() {
    let reasons = [
        (CloseReason::PingTimeout, "ping timeout"),
        (CloseReason::TransportClose, "transport close"),
        (CloseReason::TransportError, "transport error"),
        (CloseReason::ParseError, "parse error"),
        (CloseReason::ForcedClose, "forced close"),
    ];
    for (reason, text) in reasons {
        let mut rig = Rig::connected();
        rig.emit("x", Some(1));
        rig.socket.handle_engine_closed(reason, &mut rig.out);
        assert_eq!(taken(&mut rig.out), format!("disconnected({text}) failed(1,Disconnected)"));
        rig.socket.handle_engine_closed(reason, &mut rig.out);
        assert_eq!(taken(&mut rig.out), "");
        assert!(ClientClosed::Engine(reason).reconnects() && rig.socket.is_active());
    }
}

/// E34: the two ends that are final.
#[test]
fn a_socket_that_was_sent_away_or_has_left_does_not_come_back_by_itself() {
    let mut sent_away = Rig::connected();
    assert_eq!(sent_away.packet(packet(PacketKind::Disconnect, None)), "disconnected(io server disconnect)");
    let mut left = Rig::connected();
    assert_eq!(left.disconnect(), "send(DISCONNECT) disconnected(io client disconnect)");
    for rig in [&mut sent_away, &mut left] {
        assert!(!rig.socket.is_active());
        assert_eq!(rig.close(), "");
        rig.socket.handle_engine_opened(&mut rig.out);
        assert_eq!(taken(&mut rig.out), "");
    }
    assert!(!ClientClosed::Server.reconnects() && !ClientClosed::Client.reconnects());
}

/// E35: the reference sends nothing, and the server keeps a socket that nobody has.
#[test]
fn a_socket_that_leaves_before_it_was_let_in_says_so_when_it_is() {
    let mut rig = Rig::idle();
    rig.connect();
    assert_eq!(rig.disconnect(), "");
    assert!(!rig.socket.is_active());
    assert_eq!(rig.packet(event_packet(event("x"))), "");
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(DISCONNECT)");
    assert!(!rig.socket.is_active());
}

/// E35, D34: one CONNECT after the other.
#[test]
fn a_socket_that_wants_in_again_asks_when_the_first_connect_is_answered() {
    for (answer, expected) in [(connect(), "send(DISCONNECT) ask"), (connect_error("no"), "ask")] {
        let mut rig = Rig::idle();
        rig.connect();
        rig.disconnect();
        rig.socket.handle_connect(true, &mut rig.out);
        assert_eq!(taken(&mut rig.out), "");
        assert!(rig.socket.is_active());
        rig.socket.handle_packet(answer, rig.now, &mut rig.out).unwrap();
        let asked = show(rig.out.last().unwrap());
        let id = rig.ask();
        let before = taken(&mut rig.out);
        assert_eq!(format!("{before} {asked}").trim(), expected);
        rig.socket.handle_auth(id, None, &mut rig.out).unwrap();
        assert_eq!(taken(&mut rig.out), "send(CONNECT)");
        assert_eq!(rig.join(&json!({ "sid": "s2" })), "connected");
    }
}

/// E35: whose answer can no longer come.
#[test]
fn an_unanswered_connect_is_forgotten_with_its_connection() {
    let mut rig = Rig::idle();
    rig.connect();
    rig.disconnect();
    rig.close();
    assert_eq!(rig.connect(), "send(CONNECT)");
    assert_eq!(rig.join(&json!({ "sid": "s" })), "connected");
}

/// E35.
#[test]
fn connecting_and_disconnecting_twice_is_as_once() {
    let mut rig = Rig::connected();
    rig.socket.handle_connect(true, &mut rig.out);
    assert_eq!(taken(&mut rig.out), "");
    rig.disconnect();
    assert_eq!(rig.disconnect(), "");
}

/// E38: the bound on their number and the one on their bytes; each event is in memory of its own.
#[test]
fn more_early_events_than_are_kept_are_an_error() {
    let cases = [
        (ClientSocketOptions { max_early_events: 2, ..ClientSocketOptions::default() }, 2, false),
        (ClientSocketOptions { max_early_bytes: 150, ..ClientSocketOptions::default() }, 150, true),
    ];
    for (options, limit, in_bytes) in cases {
        let mut rig = Rig::new(options);
        rig.connect();
        rig.packet(event_packet(event("x")));
        rig.packet(event_packet(event("x")));
        let error = rig.socket.handle_packet(event_packet(event("x")), rig.now, &mut rig.out);
        assert_eq!(error, Err(EarlyOverflow { limit, in_bytes }));
        assert_eq!(rig.close(), "");
        rig.socket.handle_engine_opened(&mut rig.out);
        rig.answer_auth(None);
        assert_eq!(rig.join(&json!({ "sid": "s" })), "connected");
    }
}

/// E38, R14: else each connection would end as this one.
#[test]
fn a_replay_that_is_too_long_is_not_asked_for_again() {
    let mut rig = Rig::new(ClientSocketOptions { max_early_events: 0, ..ClientSocketOptions::default() });
    rig.connect();
    rig.join(&json!({ "sid": "s", "pid": "p" }));
    assert_eq!(rig.reopen().1, r#"send(CONNECT{"pid":"p"})"#);
    assert!(rig.socket.handle_packet(event_packet(event("x")), rig.now, &mut rig.out).is_err());
    assert_eq!(rig.reopen().1, "send(CONNECT)");
}

/// E38: the reference keeps them for the next connection, on which the server sends them again.
#[test]
fn early_events_are_forgotten_with_their_connection() {
    let mut rig = Rig::idle();
    rig.connect();
    rig.packet(event_packet(event("e")));
    rig.reopen();
    assert_eq!(rig.join(&json!({ "sid": "s" })), "connected");
}

/// E57.
#[test]
fn a_session_is_recovered_when_its_private_id_comes_back() {
    let answers = [
        (json!({ "sid": "s", "pid": "p" }), "recovered", true),
        (json!({ "sid": "s", "pid": "other" }), "connected", false),
        (json!({ "sid": "s" }), "connected", false),
        (json!({ "sid": "s", "pid": 7 }), "connected", false),
    ];
    for (answer, expected, recovered) in answers {
        let mut rig = Rig::recoverable();
        assert!(!rig.socket.recovered());
        rig.reopen();
        assert_eq!(rig.join(&answer), expected, "{answer}");
        assert_eq!(rig.socket.recovered(), recovered);
    }
}

/// E57: of the last event that has one.
#[test]
fn the_offset_is_the_last_argument_where_that_is_a_text() {
    let cases = [
        (r#"["x","o1"]"#, None, Some("o1")),
        (r#"["x",1,{"a":"b"},"o1" ] "#, None, Some("o1")),
        (r#"["x","a\\\"b"]"#, None, Some("a\\\"b")),
        (r#"["x","o1\u0031"]"#, None, Some("o11")),
        (r#"["x",1]"#, None, Some("o0")),
        (r#"["x",["o1"]]"#, None, Some("o0")),
        (r#"["x","o1"]"#, Some(AckId(1)), Some("o0")),
        // The reference takes the name.
        (r#"["x"]"#, None, Some("o0")),
        (r#"["x",""]"#, None, Some("")),
    ];
    for (json, ack, offset) in cases {
        for is_told_by_the_caller in [false, true] {
            let mut rig = Rig::recoverable();
            for (json, ack) in [(r#"["first","o0"]"#, None), (json, ack)] {
                let body = Body::from_parts(PacketKind::Event, json, Vec::new()).unwrap();
                if is_told_by_the_caller {
                    assert!(rig.socket.admit_event(&body, ack), "{json}");
                } else {
                    rig.packet(Packet { ack, ..event_packet(body) });
                }
            }
            let known = rig.socket.session.as_ref().and_then(|session| session.offset.as_deref());
            assert_eq!(known, offset, "{json}");
        }
    }
}

/// E57: what a server could not be told of, as its CONNECT would be too long.
#[test]
fn a_long_text_is_no_offset_and_no_private_id() {
    let long = "x".repeat(257);
    let mut rig = Rig::recoverable();
    rig.packet(event_packet(Body::event("x", &"o").unwrap()));
    rig.packet(event_packet(Body::event("x", &long).unwrap()));
    let (_, sent) = rig.reopen();
    assert_eq!(sent, r#"send(CONNECT{"pid":"p","offset":"o"})"#);
    rig.join(&json!({ "sid": "s", "pid": long }));
    let (_, sent) = rig.reopen();
    assert_eq!(sent, "send(CONNECT)");
}

/// E57: an early event has its offset when it is told of; until then the server is to send it again.
#[test]
fn the_offset_of_an_early_event_counts_once_it_is_delivered() {
    let mut rig = Rig::recoverable();
    rig.packet(event_packet(Body::event("x", &"o1").unwrap()));
    rig.reopen();
    rig.packet(event_packet(Body::event("x", &"o2").unwrap()));
    let (_, sent) = rig.reopen();
    assert_eq!(sent, r#"send(CONNECT{"pid":"p","offset":"o1"})"#);
    rig.packet(event_packet(Body::event("x", &"o2").unwrap()));
    assert_eq!(rig.join(&json!({ "sid": "s", "pid": "p" })), "event(x) recovered");
    assert_eq!(rig.reopen().1, r#"send(CONNECT{"pid":"p","offset":"o2"})"#);
}

/// E57, R32: an offset of a session that is over says nothing about the next one.
#[test]
fn an_offset_is_forgotten_with_its_session() {
    let mut rig = Rig::recoverable();
    rig.packet(event_packet(Body::event("x", &"o1").unwrap()));
    rig.reopen();
    rig.join(&json!({ "sid": "s", "pid": "q" }));
    assert_eq!(rig.reopen().1, r#"send(CONNECT{"pid":"q"})"#);
}

/// E57, R41: the socket has left and comes back on the same connection, and what was sent to it before is still arriving.
#[test]
fn an_early_event_in_front_of_a_new_session_has_no_offset() {
    let mut rig = Rig::recoverable();
    rig.disconnect();
    rig.connect();
    rig.packet(event_packet(Body::event("x", &"old").unwrap()));
    assert_eq!(rig.join(&json!({ "sid": "s2", "pid": "q" })), "event(x) connected");
    assert_eq!(rig.reopen().1, r#"send(CONNECT{"pid":"q"})"#);
}

/// E57: a server without recovery.
#[test]
fn without_a_private_id_no_offset_is_kept() {
    let mut rig = Rig::connected();
    rig.packet(event_packet(Body::event("x", &"o").unwrap()));
    assert_eq!(rig.reopen().1, "send(CONNECT)");
}

/// E58.
#[test]
fn the_id_is_that_of_the_connection() {
    let mut rig = Rig::connected();
    for (number, sid) in [(2, "s2"), (3, "s3")] {
        rig.reopen();
        assert_eq!(rig.socket.id(), None);
        rig.join(&json!({ "sid": sid }));
        assert_eq!((rig.socket.id(), rig.socket.connection()), (Some(sid), number));
    }
}

/// S1: neither the private id nor what the user has put into the CONNECT is in any log.
#[test]
fn secrets_are_not_in_debug_output() {
    let mut rig = Rig::idle();
    rig.connect();
    rig.join(&json!({ "sid": "s", "pid": "SECRET" }));
    rig.close();
    rig.socket.handle_engine_opened(&mut rig.out);
    let id = rig.ask();
    rig.socket.handle_auth(id, Some(&payload(&json!({ "token": "SECRET" }))), &mut rig.out).unwrap();
    assert_eq!(rig.out.len(), 1);
    let shown = format!("{rig:?}");
    assert!(shown.contains("PrivateId(…)") && !shown.contains("SECRET"), "{shown}");
}
