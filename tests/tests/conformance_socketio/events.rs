//! [SIO5 Sending and receiving data], [SIO5 Acknowledgement], with and without attachments.

use socketio_tests::{SocketIoWire, TestServer};

// [SIO5 Sending and receiving data], C3: an event and its arguments, whatever JSON they are, there and back.
#[test]
fn events_with_any_arguments_come_back() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    for arguments in [
        "",
        ",1",
        r#",1,"2",{"3":[true]}"#,
        ",null,false,[],{}",
        r#","é€😀 \" \\ \n""#,
        ",-1.5,0.25,9007199254740991",
        r#",{"nested":{"deeply":[[[{"a":null}]]]}}"#,
        r#",{"_placeholder":"not one"}"#,
    ] {
        client.send(&format!(r#"2["message"{arguments}]"#));
        client.expect(&format!(r#"2["message-back"{arguments}]"#));
    }
}

// [SIO5 Sending and receiving data], C3: in another namespace, too.
#[test]
fn events_travel_in_their_namespace() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.join("/echo", "");
    client.send(r#"2/echo,["any name at all",1,[2]]"#);
    client.expect(r#"2/echo,["any name at all",1,[2]]"#);
}

// C3: spaces in the JSON are the sender's business.
#[test]
fn white_space_in_the_payload_is_allowed() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send("2[ \"message\" ,\n 1 ]");
    client.expect(r#"2["message-back",1]"#);
}

// D33, R19: events are answered in the order they came.
#[test]
fn events_are_answered_in_order() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    for n in 0..200 {
        client.send(&format!(r#"2["message",{n}]"#));
    }
    for n in 0..200 {
        client.expect(&format!(r#"2["message-back",{n}]"#));
    }
}

// Nobody listens for it: the event is ignored.
#[test]
fn an_event_without_a_handler_is_ignored() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"2["nobody listens",1]"#);
    client.expect_alive();
}

// [SIO5 Acknowledgement], C14: the answer carries the id of the event and any arguments; 0 is an id, and ids may be large.
#[test]
fn an_acknowledgement_carries_the_id_of_its_event() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    for id in ["0", "1", "456", "0", "9007199254740991"] {
        client.send(&format!(r#"2{id}["message-with-ack",1,"2",{{"3":[false]}}]"#));
        client.expect(&format!(r#"3{id}[1,"2",{{"3":[false]}}]"#));
        client.send(&format!(r#"2{id}["message-with-ack"]"#));
        client.expect(&format!("3{id}[]"));
    }
}

// [SIO5 Acknowledgement], C3: with a namespace before the id.
#[test]
fn an_acknowledgement_travels_in_its_namespace() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.join("/echo", "");
    client.send(r#"2/echo,12["x",1,2]"#);
    client.expect("3/echo,12[1,2]");
}

// R21, S23: acknowledgements that nobody waits for are ignored.
#[test]
fn acknowledgements_that_nobody_asked_for_are_ignored() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    for packet in ["30[]", "3456[1,2]", "39007199254740991[]"] {
        client.send(packet);
    }
    client.expect_alive();
}

// [SIO5 Acknowledgement]: the server asks, the client answers; a second answer is ignored.
#[test]
fn the_server_asks_and_the_client_answers_once() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.join("/asking", "");
    client.send(r#"25["ask-me",10000,"how","now"]"#.replace("25", "2/asking,5").as_str());
    let question = client.receive();
    let id = question
        .strip_prefix("2/asking,")
        .and_then(|rest| rest.strip_suffix(r#"["question","how","now"]"#))
        .unwrap_or_else(|| panic!("a question, not {question:?}"))
        .to_owned();
    assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()), "{id:?} is no acknowledgement id");
    for answer in ["fine", "changed my mind"] {
        client.send(&format!(r#"3/asking,{id}["{answer}",1]"#));
    }
    client.expect(r#"3/asking,5["answered","fine",1]"#);
    client.send(r#"2/asking,6["ask-me",10000]"#);
    assert!(client.receive().ends_with(r#"["question"]"#), "the next packet is the next question");
}

// [SIO5 Sending and receiving data], C4, C5: attachments follow their event in order and take the places of the placeholders.
#[test]
fn a_binary_event_comes_back_with_its_attachments() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"52-["message",{"_placeholder":true,"num":0},{"a":[{"num":1,"_placeholder":true}]},"é"]"#);
    client.wire().binary(&[1, 2, 3]);
    client.wire().binary(&[]);
    client.expect(r#"52-["message-back",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]},"é"]"#);
    client.wire().expect_binary(&[1, 2, 3]);
    client.wire().expect_binary(&[]);
    client.expect_alive();
}

// C4: the order of the attachments is the sender's choice; what comes back is numbered depth first.
#[test]
fn placeholders_may_be_in_any_order() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"52-["message",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#);
    client.wire().binary(&[0]);
    client.wire().binary(&[1]);
    client.expect(r#"52-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    client.wire().expect_binary(&[1]);
    client.wire().expect_binary(&[0]);
}

// [SIO5 Acknowledgement], C4: an answer with attachments is a BINARY_ACK.
#[test]
fn a_binary_event_is_acknowledged_with_its_attachments() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    client.send(r#"51-789["message-with-ack",{"_placeholder":true,"num":0},1]"#);
    client.wire().binary(&[1, 2, 3]);
    client.expect(r#"61-789[{"_placeholder":true,"num":0},1]"#);
    client.wire().expect_binary(&[1, 2, 3]);

    client.join("/echo", "");
    client.send(r#"51-/echo,7["x",{"deep":{"_placeholder":true,"num":0}}]"#);
    client.wire().binary(&[9]);
    client.expect(r#"61-/echo,7[{"deep":{"_placeholder":true,"num":0}}]"#);
    client.wire().expect_binary(&[9]);
}

// [SIO5 Acknowledgement]: the client's answer may have attachments, too.
#[test]
fn a_binary_acknowledgement_from_the_client_is_understood() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.join("/asking", "");
    client.send(r#"2/asking,5["ask-me",10000]"#);
    let question = client.receive();
    let id =
        question.strip_prefix("2/asking,").and_then(|rest| rest.strip_suffix(r#"["question"]"#)).expect("a question");
    let answer = format!(r#"61-/asking,{id}[{{"_placeholder":true,"num":0}}]"#);
    client.send(&answer);
    client.wire().binary(&[4, 5]);
    client.expect(r#"61-/asking,5["answered",{"_placeholder":true,"num":0}]"#);
    client.wire().expect_binary(&[4, 5]);
}

// C7, S11: ten attachments, the reference's limit, are allowed.
#[test]
fn ten_attachments_are_allowed() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::connect(&server);
    let places: Vec<String> = (0..10).map(|n| format!(r#"{{"_placeholder":true,"num":{n}}}"#)).collect();
    client.send(&format!(r#"510-["message",{}]"#, places.join(",")));
    for n in 0..10 {
        client.wire().binary(&[n]);
    }
    client.expect(&format!(r#"510-["message-back",{}]"#, places.join(",")));
    for n in 0..10 {
        client.wire().expect_binary(&[n]);
    }
}

// C35, S9: the name of an event may be a number.
#[test]
fn an_event_may_be_named_by_a_number() {
    let server = TestServer::calm();
    let mut client = SocketIoWire::open(&server);
    client.join("/echo", "");
    client.send("2/echo,[42,1]");
    client.expect("2/echo,[42,1]");
}
