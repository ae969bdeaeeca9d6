//! [SIO5 Connection to a namespace], [SIO5 Disconnection from a namespace].

use std::collections::BTreeSet;

use serde_json::{Value, json};
use socketio_tests::{Peer, Settings, SocketIoWire, TestServer, peer};

// [SIO5 Connection to a namespace], C20: the answer to a CONNECT carries a socket id and nothing else.
#[test]
fn the_main_namespace_is_joined_with_a_bare_connect() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.send("0");
    let answer = client.receive();
    let payload: Value = serde_json::from_str(answer.strip_prefix('0').expect("a CONNECT")).unwrap();
    assert_eq!(payload.as_object().unwrap().keys().collect::<Vec<_>>(), ["sid"]);
    client.expect(r#"2["auth",{}]"#);
    client.expect_alive();
}

// [SIO5 Connection to a namespace], D42: the payload of the CONNECT reaches the application, for either namespace.
#[test]
fn the_auth_payload_reaches_the_application() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    let auth = r#"{"token":"é","deep":{"list":[1,2.5,null,true]}}"#;
    client.join("/", auth);
    client.expect(&format!(r#"2["auth",{auth}]"#));
    client.join("/custom", r#"{"token":"456"}"#);
    client.expect(r#"2/custom,["auth",{"token":"456"}]"#);
}

// [SIO5 Connection to a namespace]: a namespace is joined by its name; one connection may be in several.
#[test]
fn a_custom_namespace_is_joined_by_name() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.join("/custom", "");
    client.expect(r#"2/custom,["auth",{}]"#);
    client.join("/", "");
    client.expect(r#"2["auth",{}]"#);
    client.expect_alive();
}

// C13: the comma after a namespace may be left out at the end of a packet.
#[test]
fn the_comma_may_be_left_out_at_the_end_of_a_packet() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.send("0/custom");
    assert!(client.receive().starts_with(r#"0/custom,{"sid":""#));
    client.expect(r#"2/custom,["auth",{}]"#);
}

// D39, D40, S45: socket ids are fresh for every namespace and never the session's id, which is a credential.
#[test]
fn socket_ids_are_fresh_and_never_the_session_id() {
    let server = TestServer::calm();
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let mut client = SocketIoWire::open(&server);
        let main = client.join("/", "");
        client.expect(r#"2["auth",{}]"#);
        let custom = client.join("/custom", "");
        for id in [main, custom, client.session().to_owned()] {
            assert!(id.len() >= 20, "{id} is too short");
            assert!(seen.insert(id), "an id came twice");
        }
    }
}

// [SIO5 Connection to a namespace], D28, C21: an unknown namespace is refused, and the connection stays open.
#[test]
fn an_unknown_namespace_is_refused_with_a_connect_error() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    for name in ["/random", "/custom/", "/Custom", "/cust", "/custom?token=1", "/__proto__", "/*"] {
        client.send(&format!("0{name},"));
        client.expect(&format!(r#"4{name},{{"message":"Invalid namespace"}}"#));
    }
    client.join("/", "");
    client.expect(r#"2["auth",{}]"#);
    client.expect_alive();
}

// [SIO5 Connection to a namespace], D29, C21: who is not admitted gets the message and the data of the refusal, and may try again.
#[test]
fn a_refused_connection_gets_the_message_and_the_data() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.send(r#"0/guarded,{"token":"wrong"}"#);
    let answer = client.receive();
    let payload: Value = serde_json::from_str(answer.strip_prefix("4/guarded,").expect("a CONNECT_ERROR")).unwrap();
    assert_eq!(payload, json!({"message": "not authorized", "data": {"code": "E_TOKEN", "given": "wrong"}}));
    client.join("/guarded", r#"{"token":"secret"}"#);
    client.expect(r#"2/guarded,["welcome"]"#);
}

// D34, R41: joining a namespace twice closes the connection.
#[test]
fn joining_a_namespace_twice_closes_the_connection() {
    let server = TestServer::calm();
    for (name, packet) in [("/", "0"), ("/custom", "0/custom,")] {
        let mut client = SocketIoWire::open(&server);
        client.join(name, "");
        client.send(packet);
        client.expect_closed();
    }
}

// D34, I6: nor can it be joined twice while admission is still being decided. The reference makes two sockets of it.
#[test]
fn joining_a_namespace_twice_during_admission_closes_the_connection() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.send("0/slow,");
    client.send("0/slow,");
    match peer() {
        Peer::Rust => client.expect_closed(),
        Peer::Reference => {
            for _ in 0..2 {
                assert!(client.receive().starts_with("0/slow,"));
            }
        }
    }
}

// D35, R41: packets for a namespace that was not joined close the connection, whatever they are.
#[test]
fn packets_before_the_connect_close_the_connection() {
    let server = TestServer::calm();
    for packet in [r#"2["message","hi"]"#, "1", "31[]", r#"2/custom,["message"]"#, "20[\"message\"]", "4{}"] {
        let mut client = SocketIoWire::open(&server);
        client.send(packet);
        client.expect_closed();
    }
}

// D35, R41: having joined one namespace is no permission to speak in another.
#[test]
fn packets_for_another_namespace_close_the_connection() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"2/custom,["message","hi"]"#);
    client.expect_closed();
}

// D36, S16: CONNECT_ERROR is the server's to send.
#[test]
fn a_connect_error_from_the_client_closes_the_connection() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"4{"message":"no"}"#);
    client.expect_closed();
}

// D4, R30, S17: a connection that joins no namespace in time is closed.
#[test]
fn a_connection_that_joins_nothing_is_closed_after_the_connect_timeout() {
    let server =
        TestServer::start(&Settings { connect_timeout: std::time::Duration::from_millis(500), ..Settings::calm() });
    let mut idle = SocketIoWire::open(&server);
    let mut refused = SocketIoWire::open(&server);
    refused.send("0/random,");
    refused.expect(r#"4/random,{"message":"Invalid namespace"}"#);
    let mut joined = SocketIoWire::connect(&server);
    idle.expect_closed();
    refused.expect_closed();
    joined.expect_alive();
}

// [SIO5 Disconnection from a namespace]: leaving one namespace leaves the others alone, and it may be joined again.
#[test]
fn leaving_a_namespace_leaves_the_others_alone() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    let first = client.join("/custom", "");
    client.expect(r#"2/custom,["auth",{}]"#);
    client.send("1/custom,");
    client.expect_alive();
    let second = client.join("/custom", "");
    client.expect(r#"2/custom,["auth",{}]"#);
    assert_ne!(first, second);
}

// [SIO5 Disconnection from a namespace], D4: leaving the last namespace does not close the connection.
#[test]
fn leaving_the_last_namespace_keeps_the_connection() {
    let server =
        TestServer::start(&Settings { connect_timeout: std::time::Duration::from_millis(500), ..Settings::calm() });
    let mut client = SocketIoWire::connect(&server);
    client.send("1");
    let_the_reference_catch_up(&mut client);
    client.send("0");
    assert!(client.receive().starts_with(r#"0{"sid":""#));
    client.expect(r#"2["auth",{}]"#);
    client.expect_alive();
}

// R41, D35: after leaving, the namespace is one that was not joined.
#[test]
fn packets_after_leaving_close_the_connection() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send("1");
    let_the_reference_catch_up(&mut client);
    client.send(r#"2["message","too late"]"#);
    client.expect_closed();
}

/// The reference handles a DISCONNECT a little after it has read it, and what it reads meanwhile still finds the socket. Ours
/// handles packets in their order, so it needs no pause here.
fn let_the_reference_catch_up(client: &mut SocketIoWire) {
    if peer() == Peer::Reference {
        client.wire().expect_control_pong();
    }
}

// [SIO5 Disconnection from a namespace]: the server ends a namespace with a DISCONNECT, and the connection stays.
#[test]
fn the_server_ends_a_namespace_with_a_disconnect_packet() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.join("/leaving", "");
    client.send(r#"2/leaving,["disconnect-me",false]"#);
    client.expect(r#"2/leaving,["goodbye"]"#);
    client.expect("1/leaving,");
    client.expect_alive();
    client.join("/leaving", "");
}

// [SIO5 Disconnection from a namespace]: where it ends the connection, every namespace is told before.
#[test]
fn the_server_ends_the_connection_after_a_disconnect_packet_for_every_namespace() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.join("/leaving", "");
    client.send(r#"2/leaving,["disconnect-me",true]"#);
    client.expect(r#"2/leaving,["goodbye"]"#);
    let packets = BTreeSet::from([client.receive(), client.receive()]);
    assert_eq!(packets, BTreeSet::from(["1".to_owned(), "1/leaving,".to_owned()]));
    client.expect_closed();
}

// C31, D64, R10: each way to go has its reason, told to those who ask.
#[test]
fn every_way_to_leave_has_its_reason() {
    let server = TestServer::calm();
    let mut witness = SocketIoWire::connect(&server);
    let mut ask = |id: &str, reason: &str| {
        witness.send(&format!(r#"27["reason-of","{id}"]"#));
        witness.expect(&format!(r#"37["{reason}",[]]"#));
    };

    let mut client = SocketIoWire::open(&server);
    let id = client.join("/custom", "");
    client.expect(r#"2/custom,["auth",{}]"#);
    client.send("1/custom,");
    ask(&id, "client namespace disconnect");
    let id = client.join("/leaving", "");
    client.send(r#"2/leaving,["disconnect-me",false]"#);
    ask(&id, "server namespace disconnect");
    client.expect(r#"2/leaving,["goodbye"]"#);
    client.expect("1/leaving,");
    let id = client.join("/echo", "");
    client.wire().close();
    client.expect_closed();
    ask(&id, "transport close");
}
