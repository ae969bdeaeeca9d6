//! The rules of a node, one by one; many nodes with bad links are in `simulation.rs`. Rows F16 to F21, R23, R34.

use std::time::Duration;

use bytes::Bytes;
use engineio_proto::Moment;
use serde_json::json;
use socketio_proto::{Body, Namespace};

use super::*;
use crate::{Answer, Outcome, WireLimits};

mod simulation;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: f64) -> Moment {
    Moment::EPOCH + Duration::from_secs_f64(seconds)
}

fn id(number: u64) -> NodeId {
    NodeId::new(number)
}

fn chat() -> Namespace {
    Namespace::new("/chat")
}

fn ack(value: u32) -> Body {
    Body::ack(&value).unwrap()
}

/// A node that has started, and knows these others as of the beginning.
fn node(others: &[u64]) -> Node {
    let mut node = Node::new(id(1), NodeConfig::default(), Moment::EPOCH);
    node.start(Moment::EPOCH, &mut Vec::new());
    for other in others {
        hear(&mut node, *other, Message::Heartbeat, 0.0);
    }
    node
}

fn message_of(sender: NodeId, message: Message) -> Bytes {
    encode(&Envelope { sender, namespace: chat(), message }, &WireLimits::default()).unwrap()
}

/// What comes of a message from another server.
fn hear(node: &mut Node, sender: u64, message: Message, seconds: f64) -> Vec<Output> {
    let mut out = Vec::new();
    node.handle_message(&message_of(id(sender), message), at(seconds), &mut out).unwrap();
    out
}

fn timeout(node: &mut Node, seconds: f64) -> Vec<Output> {
    let mut out = Vec::new();
    node.handle_timeout(at(seconds), &mut out);
    out
}

fn message(publication: &Publication) -> Message {
    decode(&publication.bytes, &WireLimits::default()).unwrap().message
}

/// The messages among the outputs.
fn published(out: &[Output]) -> Vec<Message> {
    out.iter()
        .filter_map(|output| if let Output::Publish(publication) = output { Some(message(publication)) } else { None })
        .collect()
}

fn outcome(out: &[Output]) -> Option<&Outcome> {
    let [Output::Finished { outcome, .. }] = out else { return None };
    Some(outcome)
}

#[test]
fn a_new_server_is_answered_at_once_and_counted() {
    let mut node = Node::new(id(1), NodeConfig::default(), Moment::EPOCH);
    let mut out = Vec::new();
    node.start(Moment::EPOCH, &mut out);
    assert_eq!(published(&out), [Message::InitialHeartbeat]);
    let out = hear(&mut node, 2, Message::InitialHeartbeat, 1.0);
    assert_eq!(out[0], Output::NodeJoined(id(2)));
    assert_eq!(published(&out), [Message::Heartbeat]);
    assert_eq!(node.server_count(), 2);
    assert_eq!(node.peers().collect::<Vec<_>>(), [&id(2)]);
}

#[test]
fn a_heartbeat_goes_out_every_five_seconds_in_which_nothing_else_did() {
    let mut node = node(&[]);
    assert_eq!(node.next_deadline(), Some(at(5.0)));
    assert!(timeout(&mut node, 4.9).is_empty());
    assert_eq!(published(&timeout(&mut node, 5.0)), [Message::Heartbeat]);
    assert_eq!(node.next_deadline(), Some(at(10.0)));

    let event = Body::event("e", &()).unwrap();
    node.server_side_emit(&chat(), &event, at(7.0)).unwrap();
    assert_eq!(node.next_deadline(), Some(at(12.0)), "everybody has heard of it");
    let options = BroadcastOptions { rooms: vec!["room".into()], ..Default::default() };
    let publication = node.broadcast(&chat(), &event, &options, at(8.0)).unwrap().unwrap();
    assert_eq!(publication.room.as_deref(), Some("room"));
    assert_eq!(node.next_deadline(), Some(at(12.0)), "only those with that room may have heard of it");
}

#[test]
fn a_server_is_lost_after_ten_silent_seconds_and_any_message_is_a_sign_of_life() {
    let mut node = node(&[2, 3]);
    let work = hear(&mut node, 3, Message::SocketsJoin { options: BroadcastOptions::default(), rooms: vec![] }, 4.0);
    assert!(matches!(&work[..], [Output::Local(Work::SocketsJoin { namespace, .. })] if *namespace == chat()));
    timeout(&mut node, 5.0);
    assert!(timeout(&mut node, 9.9).is_empty());
    let out = timeout(&mut node, 10.0);
    assert_eq!(out[0], Output::NodeLeft { node: id(2), reason: Absence::Lost });
    assert_eq!(node.peers().collect::<Vec<_>>(), [&id(3)]);

    let newer = Bytes::from(json!({"uid": id(3).as_str(), "nsp": "/", "type": 99}).to_string());
    let mut out = Vec::new();
    let unknown = node.handle_message(&newer, at(13.0), &mut out);
    assert_eq!(unknown, Err(DecodeError::UnknownType { sender: id(3), namespace: Namespace::root(), number: 99 }));
    assert!(!timeout(&mut node, 22.9).iter().any(|output| matches!(output, Output::NodeLeft { .. })));
    assert_eq!(timeout(&mut node, 23.0)[0], Output::NodeLeft { node: id(3), reason: Absence::Lost });
    assert_eq!(node.server_count(), 1);
}

#[test]
fn a_server_that_says_farewell_is_gone_at_once() {
    let mut node = node(&[2]);
    let out = hear(&mut node, 2, Message::AdapterClose, 1.0);
    assert_eq!(out, [Output::NodeLeft { node: id(2), reason: Absence::Left }]);
    assert!(hear(&mut node, 2, Message::AdapterClose, 1.0).is_empty(), "and was not there the second time");
    assert_eq!(node.server_count(), 1);
}

#[test]
fn own_messages_are_ignored_and_emitters_are_neither_counted_nor_answered() {
    let mut node = node(&[]);
    let fetch = || Message::FetchSockets { options: BroadcastOptions::default(), request: RequestId::new(9) };
    assert!(hear(&mut node, 1, fetch(), 1.0).is_empty());

    let mut out = Vec::new();
    let event = Body::event("e", &()).unwrap();
    let emit = Message::ServerSideEmit { event: event.clone(), request: Some(RequestId::new(9)) };
    node.handle_message(&message_of(NodeId::emitter(), emit), at(1.0), &mut out).unwrap();
    assert_eq!(out, [Output::Local(Work::ServerSideEmit { namespace: chat(), event, reply: None })]);
    out.clear();
    node.handle_message(&message_of(NodeId::emitter(), fetch()), at(1.0), &mut out).unwrap();
    assert!(out.is_empty());
    assert_eq!(node.server_count(), 1);
}

#[test]
fn a_node_for_one_namespace_beats_there_and_ignores_the_others() {
    let mut node = Node::for_namespace(id(1), chat(), NodeConfig::default(), Moment::EPOCH);
    let mut out = Vec::new();
    node.start(Moment::EPOCH, &mut out);
    assert!(matches!(&out[..], [Output::Publish(publication)] if publication.namespace == chat()));
    let elsewhere = Envelope { sender: id(2), namespace: Namespace::root(), message: Message::InitialHeartbeat };
    out.clear();
    node.handle_envelope(elsewhere, at(0.0), &mut out);
    assert!(out.is_empty() && node.server_count() == 1);
    assert_eq!(hear(&mut node, 2, Message::Heartbeat, 0.0), [Output::NodeJoined(id(2))]);
}

#[test]
fn a_node_for_one_namespace_does_not_count_who_is_too_new_in_another_one() {
    let mut node = Node::for_namespace(id(1), chat(), NodeConfig::default(), Moment::EPOCH);
    for (namespace, joined) in [("/", vec![]), ("/chat", vec![Output::NodeJoined(id(2))])] {
        let newer = Bytes::from(json!({"uid": id(2).as_str(), "nsp": namespace, "type": 99}).to_string());
        let mut out = Vec::new();
        assert!(node.handle_message(&newer, at(0.0), &mut out).is_err());
        assert_eq!(out, joined, "{namespace}");
    }
}

#[test]
fn what_is_local_is_not_published() {
    let mut node = node(&[2]);
    let mut options = BroadcastOptions::default();
    options.flags.local = true;
    let event = Body::event("e", &()).unwrap();
    assert_eq!(node.broadcast(&chat(), &event, &options, at(1.0)), Ok(None));
    assert_eq!(node.sockets_join(&chat(), &options, &[], at(1.0)), Ok(None));
    assert_eq!(node.sockets_leave(&chat(), &options, &[], at(1.0)), Ok(None));
    assert_eq!(node.disconnect_sockets(&chat(), &options, true, at(1.0)), Ok(None));
    for begin in [
        Node::begin_fetch_sockets,
        |node: &mut Node, namespace: &Namespace, options: &BroadcastOptions, now, out: &mut Vec<Output>| {
            node.begin_broadcast(namespace, &Body::event("e", &()).unwrap(), options, now, out)
        },
    ] {
        let mut out = Vec::new();
        begin(&mut node, &chat(), &options, at(1.0), &mut out).unwrap();
        assert!(outcome(&out).unwrap().is_complete());
    }
    assert_eq!(node.pending_requests(), 0);
}

#[test]
fn commands_are_published_to_all_as_they_are() {
    let mut node = node(&[]);
    let options = BroadcastOptions { except: vec!["x".into()], ..Default::default() };
    let rooms = vec!["a".to_owned(), "b".to_owned()];
    let sent = [
        node.sockets_join(&chat(), &options, &rooms, at(0.0)).unwrap().unwrap(),
        node.sockets_leave(&chat(), &options, &rooms, at(0.0)).unwrap().unwrap(),
        node.disconnect_sockets(&chat(), &options, true, at(0.0)).unwrap().unwrap(),
    ];
    assert!(
        sent.iter().all(|sent| sent.destination == Destination::All && sent.namespace == chat() && sent.room.is_none())
    );
    let expected = [
        Message::SocketsJoin { options: options.clone(), rooms: rooms.clone() },
        Message::SocketsLeave { options: options.clone(), rooms },
        Message::DisconnectSockets { options, close: true },
    ];
    assert_eq!(sent.each_ref().map(message), expected);
}

#[test]
fn with_nobody_else_there_a_request_is_over_at_once() {
    let mut node = node(&[]);
    let event = Body::event("e", &()).unwrap();
    let mut out = Vec::new();
    node.begin_fetch_sockets(&chat(), &BroadcastOptions::default(), at(0.0), &mut out).unwrap();
    node.begin_server_side_emit(&chat(), &event, None, at(0.0), &mut out).unwrap();
    assert!(published(&out).is_empty(), "there is nobody to ask");
    node.begin_broadcast(&chat(), &event, &BroadcastOptions::default(), at(0.0), &mut out).unwrap();
    assert_eq!(published(&out).len(), 1, "whom this server does not know yet gets the event all the same");
    let finished =
        out.iter().filter(|output| matches!(output, Output::Finished { outcome, .. } if outcome.is_complete()));
    assert_eq!(finished.count(), 3);
    assert_eq!(node.pending_requests(), 0);
}

#[test]
fn a_fetch_ends_with_the_last_answer() {
    let mut node = node(&[2, 3]);
    let mut out = Vec::new();
    let request = node.begin_fetch_sockets(&chat(), &BroadcastOptions::default(), at(0.0), &mut out).unwrap();
    assert_eq!(
        published(&out),
        [Message::FetchSockets { options: BroadcastOptions::default(), request: request.clone() }]
    );
    let details = SocketDetails::new("s", vec![], &json!({}), &1).unwrap();
    let response = |sockets| Message::FetchSocketsResponse { request: request.clone(), sockets };

    let out = hear(&mut node, 2, response(vec![details.clone()]), 1.0);
    let answer = |node, sockets| Output::Answer { request: request.clone(), node, answer: Answer::Sockets(sockets) };
    assert_eq!(out, [answer(id(2), vec![details.clone()])]);
    assert!(hear(&mut node, 2, response(vec![details]), 1.0).is_empty(), "a second answer does not count");
    let out = hear(&mut node, 3, response(vec![]), 1.0);
    let outcome = Outcome { answered: 2, ..Outcome::default() };
    assert_eq!(out, [answer(id(3), vec![]), Output::Finished { request: request.clone(), outcome }]);
    assert!(hear(&mut node, 3, response(vec![]), 1.0).is_empty(), "nor does one that is late");
}

#[test]
fn a_request_that_is_not_answered_in_time_ends_with_what_there_is_and_who_is_missing() {
    let mut node = node(&[2, 3, 4]);
    let question = Body::event("q", &()).unwrap();
    let request = node.begin_server_side_emit(&chat(), &question, None, at(0.0), &mut Vec::new()).unwrap();
    let answer = |value| Message::ServerSideEmitResponse { request: request.clone(), answer: ack(value) };
    assert!(
        matches!(&hear(&mut node, 3, answer(3), 1.0)[..], [Output::Answer { answer: Answer::ServerSideEmit(body), .. }] if *body == ack(3))
    );
    assert_eq!(node.next_deadline(), Some(at(5.0)), "the reference's limit");
    let out = timeout(&mut node, 5.0);
    let outcome = outcome(&out[..1]).unwrap();
    assert_eq!((outcome.answered, &outcome.missing[..]), (1, &[(id(2), Absence::Late), (id(4), Absence::Late)][..]));
    assert!(!outcome.is_complete());
    assert_eq!(outcome.to_string(), "timeout reached: missing 2 responses");
    assert_eq!(node.pending_requests(), 0);
    assert!(hear(&mut node, 2, answer(2), 5.1).is_empty());
}

#[test]
fn a_request_waits_as_long_as_it_says_or_as_is_configured() {
    let mut node = node(&[2]);
    let mut options = BroadcastOptions::default();
    options.flags.timeout = Some(2 * SECOND);
    node.begin_fetch_sockets(&chat(), &options, at(0.0), &mut Vec::new()).unwrap();
    assert_eq!(node.next_deadline(), Some(at(2.0)));
    let question = Body::event("q", &()).unwrap();
    node.begin_server_side_emit(&chat(), &question, Some(SECOND), at(0.0), &mut Vec::new()).unwrap();
    assert_eq!(node.next_deadline(), Some(at(1.0)));

    let mut out = Vec::new();
    node.begin_broadcast(&chat(), &question, &BroadcastOptions::default(), at(0.0), &mut out).unwrap();
    let [Message::Broadcast { options, .. }] = &published(&out)[..] else { panic!() };
    assert_eq!(options.flags.timeout, Some(5 * SECOND), "the others are told when to forget about it");
}

#[test]
fn a_request_does_not_wait_for_a_server_that_leaves_or_dies() {
    let mut node = node(&[2, 3]);
    let mut options = BroadcastOptions::default();
    options.flags.timeout = Some(60 * SECOND);
    let request = node.begin_fetch_sockets(&chat(), &options, at(0.0), &mut Vec::new()).unwrap();
    let out = hear(&mut node, 2, Message::AdapterClose, 1.0);
    assert_eq!(out.len(), 1, "the other may still answer");
    let out = timeout(&mut node, 10.0);
    let outcome = outcome(&out[1..2]).unwrap();
    assert_eq!(outcome.missing, [(id(2), Absence::Left), (id(3), Absence::Lost)]);
    assert_eq!(node.pending_requests(), 0);
    // One that comes back does not find its old question.
    let response = Message::FetchSocketsResponse { request, sockets: vec![] };
    assert_eq!(hear(&mut node, 3, response, 11.0), [Output::NodeJoined(id(3))]);
}

#[test]
fn a_server_that_comes_back_while_others_are_waited_for_stays_missing() {
    let mut node = node(&[2, 3]);
    let question = Body::event("q", &()).unwrap();
    let request = node.begin_server_side_emit(&chat(), &question, None, at(0.0), &mut Vec::new()).unwrap();
    hear(&mut node, 2, Message::AdapterClose, 1.0);
    let answer = Message::ServerSideEmitResponse { request, answer: ack(1) };
    assert_eq!(hear(&mut node, 2, answer.clone(), 2.0), [Output::NodeJoined(id(2))]);
    let out = hear(&mut node, 3, answer, 3.0);
    let outcome = outcome(&out[1..]).unwrap();
    assert_eq!((outcome.answered, &outcome.missing), (1, &vec![(id(2), Absence::Left)]));
}

#[test]
fn a_broadcast_with_acks_counts_clients_and_ends_with_the_last_ack() {
    let mut node = node(&[2, 3]);
    let event = Body::event("e", &()).unwrap();
    let request =
        node.begin_broadcast(&chat(), &event, &BroadcastOptions::default(), at(0.0), &mut Vec::new()).unwrap();
    let count = |clients| Message::BroadcastClientCount { request: request.clone(), clients };
    let acked = |value| Message::BroadcastAck { request: request.clone(), answer: ack(value) };

    assert!(hear(&mut node, 2, acked(0), 1.0).is_empty(), "no client was announced");
    assert!(hear(&mut node, 2, count(2), 1.0).is_empty());
    assert!(hear(&mut node, 2, count(9), 1.0).is_empty(), "it said so already");
    assert!(hear(&mut node, 3, count(0), 1.0).is_empty());
    let answer = |value| Output::Answer { request: request.clone(), node: id(2), answer: Answer::Ack(ack(value)) };
    assert_eq!(hear(&mut node, 2, acked(1), 1.0), [answer(1)]);
    assert!(hear(&mut node, 3, acked(7), 1.0).is_empty(), "it has no more clients");
    let outcome = Outcome { answered: 2, clients: 2, acks: 2, ..Outcome::default() };
    assert_eq!(hear(&mut node, 2, acked(2), 1.0), [answer(2), Output::Finished { request: request.clone(), outcome }]);
}

/// R22.
#[test]
fn clients_that_left_are_not_waited_for_once_their_server_says_so() {
    let table: [(&[u64], bool); 6] =
        [(&[], false), (&[3], false), (&[4], false), (&[1], true), (&[0], true), (&[3, 1, 1], true)];
    for (later, is_over) in table {
        let mut node = node(&[2]);
        let event = Body::event("e", &()).unwrap();
        let options = BroadcastOptions::default();
        let request = node.begin_broadcast(&chat(), &event, &options, at(0.0), &mut Vec::new()).unwrap();
        let count = |clients| Message::BroadcastClientCount { request: request.clone(), clients };
        hear(&mut node, 2, count(3), 1.0);
        hear(&mut node, 2, Message::BroadcastAck { request: request.clone(), answer: ack(1) }, 1.0);
        let out: Vec<_> = later.iter().flat_map(|number| hear(&mut node, 2, count(*number), 1.0)).collect();
        let expected = Outcome { answered: 1, clients: 3, acks: 1, ..Outcome::default() };
        assert_eq!(outcome(&out), is_over.then_some(&expected), "{later:?}");
        assert_eq!(node.pending_requests(), usize::from(!is_over), "{later:?}");
        assert!(!expected.is_complete());
    }
}

#[test]
fn a_server_that_dies_between_request_count_and_acks_is_missing_from_the_broadcast() {
    for (counts, missing) in [(None, true), (Some(2), true), (Some(1), false)] {
        let mut node = node(&[2, 3]);
        let event = Body::event("e", &()).unwrap();
        let options = BroadcastOptions::default();
        let request = node.begin_broadcast(&chat(), &event, &options, at(0.0), &mut Vec::new()).unwrap();
        if let Some(clients) = counts {
            hear(&mut node, 2, Message::BroadcastClientCount { request: request.clone(), clients }, 1.0);
            hear(&mut node, 2, Message::BroadcastAck { request: request.clone(), answer: ack(1) }, 1.0);
        }
        hear(&mut node, 2, Message::AdapterClose, 2.0);
        let out = hear(&mut node, 3, Message::BroadcastClientCount { request, clients: 0 }, 3.0);
        let outcome = outcome(&out).unwrap();
        let expected = if missing { vec![(id(2), Absence::Left)] } else { vec![] };
        assert_eq!((&outcome.missing, outcome.is_complete()), (&expected, !missing), "{counts:?}");
        assert_eq!(outcome.clients - outcome.acks, counts.map_or(0, |clients| clients - 1));
    }
}

#[test]
fn answers_that_do_not_fit_their_request_are_ignored() {
    let mut node = node(&[2, 3]);
    let request = node.begin_fetch_sockets(&chat(), &BroadcastOptions::default(), at(0.0), &mut Vec::new()).unwrap();
    let response = |request: &RequestId| Message::FetchSocketsResponse { request: request.clone(), sockets: vec![] };
    let wrong = [
        Message::ServerSideEmitResponse { request: request.clone(), answer: ack(1) },
        Message::BroadcastClientCount { request: request.clone(), clients: 3 },
        Message::BroadcastAck { request: request.clone(), answer: ack(1) },
        response(&RequestId::new(1)),
    ];
    for message in wrong {
        assert!(hear(&mut node, 2, message, 1.0).is_empty());
    }
    let elsewhere = Envelope { sender: id(2), namespace: Namespace::root(), message: response(&request) };
    let mut out = Vec::new();
    node.handle_envelope(elsewhere, at(1.0), &mut out);
    assert!(out.is_empty(), "another namespace");
    assert_eq!(node.pending_requests(), 1);
    node.cancel(&request);
    assert_eq!(node.pending_requests(), 0);
    assert!(hear(&mut node, 2, response(&request), 1.0).is_empty());
}

#[test]
fn a_question_is_answered_to_the_one_who_asked() {
    let (mut asking, mut asked) = (node(&[9]), Node::new(id(9), NodeConfig::default(), Moment::EPOCH));
    let mut out = Vec::new();
    let event = Body::event("e", &()).unwrap();
    let fetch = asking.begin_fetch_sockets(&chat(), &BroadcastOptions::default(), at(0.0), &mut out).unwrap();
    let emit = asking.begin_server_side_emit(&chat(), &event, None, at(0.0), &mut out).unwrap();
    let broadcast = asking.begin_broadcast(&chat(), &event, &BroadcastOptions::default(), at(0.0), &mut out).unwrap();
    let mut work = Vec::new();
    for output in out {
        let Output::Publish(Publication { destination: Destination::All, bytes, .. }) = output else { panic!() };
        asked.handle_message(&bytes, at(0.0), &mut work).unwrap();
    }
    let mut answers = Vec::new();
    for output in work {
        match output {
            Output::Local(Work::FetchSockets { reply, .. }) => answers.push(asked.answer_sockets(&reply, vec![])),
            Output::Local(Work::ServerSideEmit { reply: Some(reply), .. }) => {
                answers.push(asked.answer_server_side_emit(&reply, &ack(1)));
            }
            Output::Local(Work::Broadcast { reply: Some(reply), .. }) => {
                assert_eq!(reply.node(), &id(1));
                answers.extend([asked.answer_client_count(&reply, 1), asked.answer_ack(&reply, &ack(2))]);
            }
            _ => assert_eq!(output, Output::NodeJoined(id(1))),
        }
    }
    let mut finished = Vec::new();
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((&answer.destination, &answer.namespace), (&Destination::Node(id(1)), &chat()));
        let mut out = Vec::new();
        asking.handle_message(&answer.bytes, at(0.1), &mut out).unwrap();
        finished.extend(out.into_iter().filter_map(|output| match output {
            Output::Finished { request, outcome } => Some((request, outcome.is_complete())),
            _ => None,
        }));
    }
    assert_eq!(finished, [(fetch, true), (emit, true), (broadcast, true)]);
}

#[test]
fn closing_says_farewell_ends_every_request_and_hears_nothing_more() {
    let mut node = node(&[2]);
    node.begin_fetch_sockets(&chat(), &BroadcastOptions::default(), at(0.0), &mut Vec::new()).unwrap();
    let mut out = Vec::new();
    node.close(at(1.0), &mut out);
    assert_eq!(published(&out), [Message::AdapterClose]);
    assert_eq!(outcome(&out[1..]).unwrap().missing, [(id(2), Absence::Closed)]);
    out.clear();
    node.close(at(1.0), &mut out);
    node.start(at(1.0), &mut out);
    assert!(out.is_empty() && hear(&mut node, 3, Message::InitialHeartbeat, 1.0).is_empty());
    assert_eq!((node.next_deadline(), node.server_count(), node.pending_requests()), (None, 1, 0));
}

#[test]
fn invented_servers_are_not_remembered_without_bound() {
    let config = NodeConfig { max_nodes: 3, ..NodeConfig::default() };
    let mut node = Node::new(id(1), config, Moment::EPOCH);
    for other in 2..100 {
        hear(&mut node, other, Message::Heartbeat, 0.0);
    }
    assert_eq!(node.server_count(), 4);
    let request = node.begin_fetch_sockets(&chat(), &BroadcastOptions::default(), at(0.0), &mut Vec::new()).unwrap();
    let response = Message::FetchSocketsResponse { request, sockets: vec![] };
    assert!(hear(&mut node, 99, response, 0.0).is_empty());
    let work = hear(&mut node, 99, Message::SocketsLeave { options: BroadcastOptions::default(), rooms: vec![] }, 0.0);
    assert!(matches!(&work[..], [Output::Local(Work::SocketsLeave { .. })]), "what it asks is still done");
}

#[test]
fn request_ids_do_not_repeat_and_differ_between_servers() {
    let mut seen = std::collections::BTreeSet::new();
    for server in 0..20 {
        let mut node = Node::new(id(server), NodeConfig::default(), Moment::EPOCH);
        for _ in 0..500 {
            assert!(seen.insert(node.new_request()));
        }
    }
    assert!(seen.iter().all(|request| request.as_str().len() == 16));
}
