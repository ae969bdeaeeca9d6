//! Packets that break the protocol, C8 to C16: the connection is closed (C32), and nobody else's.

use socketio_tests::{Peer, SocketIoWire, TestServer, peer};

/// Sends one packet on a connection that is in the main namespace, and expects its end; a bystander must not notice.
fn expect_each_closes(packets: &[&str]) {
    let server = TestServer::calm();
    let mut bystander = SocketIoWire::connect(&server);
    for packet in packets {
        let mut client = SocketIoWire::connect(&server);
        client.send(packet);
        // Where the packet was accepted, this is answered and the test fails instead of waiting.
        client.send(r#"2["message","accepted"]"#);
        let end = client.wire().receive();
        assert!(matches!(end, socketio_tests::Frame::Closed(_)), "{packet:?} was answered with {end:?}");
        bystander.expect_alive();
    }
}

// C8, S16: unknown packet types.
#[test]
fn an_unknown_packet_type_closes_the_connection() {
    expect_each_closes(&["7", "8[]", "9", "a", "abc", "é", "-1", "[]", "{}", r#"["message"]"#]);
}

// C10: payloads that are no JSON, or not all of it.
#[test]
fn a_payload_that_is_no_json_closes_the_connection() {
    expect_each_closes(&[
        r#"2["message""#,
        "2[",
        r#"2["message",]"#,
        "2['message']",
        r#"2["message"]]"#,
        r#"2["message"]x"#,
        "2abc",
        "2[\"mess\nage\"]",
        r#"2["\x"]"#,
    ]);
}

// C10, R26, S9: an event is an array that begins with its name. [SIO5 test suite: invalid payload format]
#[test]
fn an_event_of_the_wrong_shape_closes_the_connection() {
    expect_each_closes(&[
        "2{}",
        r#"2"message""#,
        "2[]",
        "2[null]",
        "2[{}]",
        r#"2[["message"]]"#,
        "2[true]",
        "2null",
        "2-5",
    ]);
}

// C11, S10: names that belong to the library.
#[test]
fn a_reserved_event_name_closes_the_connection() {
    expect_each_closes(&[
        r#"2["connect"]"#,
        r#"2["connect_error"]"#,
        r#"2["disconnect",1]"#,
        r#"2["disconnecting"]"#,
        r#"2["newListener"]"#,
        r#"2["removeListener"]"#,
        r#"2["\u0063onnect"]"#,
    ]);
}

// C10: an acknowledgement is an array.
#[test]
fn an_acknowledgement_of_the_wrong_shape_closes_the_connection() {
    expect_each_closes(&["31{}", r#"31"a""#, "31null", "31[", "31true"]);
}

// C10: a DISCONNECT says nothing, a CONNECT an object.
#[test]
fn connect_and_disconnect_of_the_wrong_shape_close_the_connection() {
    expect_each_closes(&[
        "1{}",
        "1[]",
        r#"1"bye""#,
        "0/custom,[",
        r#"0/custom,"token""#,
        "0/custom,5x",
        "0/custom,null",
    ]);
}

// C9: an attachment count is a number, and followed by a dash.
#[test]
fn an_illegal_attachment_count_closes_the_connection() {
    expect_each_closes(&[
        r#"5["message"]"#,
        r#"51["message"]"#,
        r#"5-["message"]"#,
        r#"5a-["message"]"#,
        r#"5-1-["message"]"#,
        r#"51.5-["message"]"#,
        r#"5"#,
    ]);
}

// C16, S12: a count of zero is delivered at once, and an attachment that comes all the same closes the connection. The newest
// reference refuses the count already.
#[test]
fn a_packet_that_announces_no_attachments_is_complete_and_takes_none() {
    if peer() == Peer::Reference {
        return expect_each_closes(&[r#"50-["message"]"#, "60-1[]"]);
    }
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"50-["message","whole"]"#);
    client.expect(r#"2["message-back","whole"]"#);
    client.send("60-1[]");
    client.expect_alive();
    client.wire().binary_if_open(&[1, 2, 3]);
    client.expect_closed();
}

// C7, S11: more attachments than anybody needs.
#[test]
fn too_many_attachments_close_the_connection() {
    expect_each_closes(&[
        r#"51000000-["message",{"_placeholder":true,"num":0}]"#,
        r#"599999999999999999999-["message",{"_placeholder":true,"num":0}]"#,
        "6100000000-1[]",
    ]);
}

// C15: attachments that nobody announced.
#[test]
fn binary_that_was_not_announced_closes_the_connection() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.wire().binary(&[1, 2, 3]);
    client.expect_closed();
    // And before any namespace was joined, when no socket is there to notice.
    let mut client = SocketIoWire::open(&server);
    client.wire().binary(&[1, 2, 3]);
    client.expect_closed();
}

// C15, R26: text where an attachment is due.
#[test]
fn text_in_place_of_an_attachment_closes_the_connection() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    client.wire().binary(&[1]);
    client.send(r#"2["message","in between"]"#);
    client.expect_closed();
}

// C15, S8: placeholders that point to nothing. (The reference delivers `undefined` for a fraction.)
#[test]
fn an_illegal_placeholder_closes_the_connection() {
    let server = TestServer::calm();
    let fraction = if peer() == Peer::Rust { "0.5" } else { "1.5" };
    for num in ["1", "-1", fraction, "\"0\"", "\"splice\"", "null", "[0]", "4294967296"] {
        let mut client = SocketIoWire::connect(&server);
        client.send(&format!(r#"51-["message",{{"_placeholder":true,"num":{num}}}]"#));
        client.wire().binary_if_open(&[1, 2, 3]);
        client.expect_closed();
    }
}

// C12, I13: an event without any payload is refused. The reference takes it for an event without a name.
#[test]
fn an_event_without_a_payload_closes_the_connection() {
    match peer() {
        Peer::Rust => expect_each_closes(&["2", "2/,", "20", "212"]),
        Peer::Reference => {
            let mut client = SocketIoWire::connect(&TestServer::calm());
            client.send("2");
        }
    }
}

// C32: the reason that the application is told, and that nothing of the connection is left.
#[test]
fn a_malformed_packet_is_a_forced_close() {
    let server = TestServer::calm();
    let mut witness = SocketIoWire::connect(&server);
    let mut client = SocketIoWire::open(&server);
    let id = client.join("/rooms", "");
    client.send(r#"2/rooms,1["join","corner"]"#);
    client.expect("3/rooms,1[]");
    client.send("2{}");
    client.expect_closed();
    witness.send(&format!(r#"21["reason-of","{id}"]"#));
    witness.expect(r#"31["forced close",["corner"]]"#);
    witness.join("/rooms", "");
    witness.send(r#"2/rooms,2["members","corner"]"#);
    witness.expect("3/rooms,2[[]]");
}

// J32, R26: JSON that nests without end is refused or answered, and harms nobody.
#[test]
fn json_that_nests_without_end_harms_nobody() {
    let server = TestServer::calm();
    let mut bystander = SocketIoWire::connect(&server);
    let mut client = SocketIoWire::connect(&server);
    let depth = 100_000;
    client.send(&format!(r#"2["nobody listens",{}{}]"#, "[".repeat(depth), "]".repeat(depth)));
    bystander.expect_alive();
    SocketIoWire::connect(&server).expect_alive();
}
