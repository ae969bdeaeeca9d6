//! A [`Node`] and the reference's `ClusterAdapterWithHeartbeat` as two servers of one cluster: rows F8 to F21, each asking the other.
//!
//! The reference has real clients. Leaves out what needs more than two servers (`socketio-cluster`, its simulation).
#![allow(clippy::unwrap_used, reason = "all of this file is tests; clippy sees only the functions marked as such")]

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use bytes::Bytes;
use engineio_proto::Moment;
use serde_json::{Value, json};
use socketio_cluster::{
    Absence, Answer, BroadcastOptions, Node, NodeConfig, NodeId, Outcome, Output, Publication, RequestId,
    SocketDetails, Work,
};
use socketio_proto::{Body, Namespace};
use testkit::NodeServer;

/// How long the other side may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Our server of the two, with one client that is always the same.
struct Server {
    node: Node,
    wire: TcpStream,
    began: Instant,
    buffered: Vec<u8>,
    outputs: VecDeque<Output>,
}

fn chat() -> Namespace {
    Namespace::new("/chat")
}

impl Server {
    fn start(reference: &NodeServer) -> Self {
        let wire = TcpStream::connect((Ipv4Addr::LOCALHOST, reference.port())).unwrap();
        let node = Node::for_namespace(NodeId::new(1), chat(), NodeConfig::default(), Moment::EPOCH);
        let (buffered, outputs) = (Vec::new(), VecDeque::new());
        let mut server = Self { node, wire, began: Instant::now(), buffered, outputs };
        server.input(|node, now, out| node.start(now, out));
        server.wait_for(|output| matches!(output, Output::NodeJoined(_)).then_some(()));
        assert_eq!(server.node.server_count(), 2);
        server
    }

    fn now(&self) -> Moment {
        Moment::EPOCH + self.began.elapsed()
    }

    fn input<T>(&mut self, input: impl FnOnce(&mut Node, Moment, &mut Vec<Output>) -> T) -> T {
        let (now, mut out) = (self.now(), Vec::new());
        let result = input(&mut self.node, now, &mut out);
        for output in out {
            match output {
                Output::Publish(publication) => self.publish(&publication),
                output => self.outputs.push_back(output),
            }
        }
        result
    }

    fn publish(&mut self, publication: &Publication) {
        let length = u32::try_from(publication.bytes.len()).unwrap();
        self.wire.write_all(&length.to_be_bytes()).unwrap();
        self.wire.write_all(&publication.bytes).unwrap();
    }

    /// The next message, if one comes by then.
    fn receive(&mut self, deadline: Moment) -> Option<Bytes> {
        loop {
            if let Some((length, rest)) = self.buffered.split_first_chunk::<4>() {
                let length = u32::from_be_bytes(*length) as usize;
                if rest.len() >= length {
                    let message = Bytes::copy_from_slice(&rest[..length]);
                    self.buffered.drain(..4 + length);
                    return Some(message);
                }
            }
            let time = deadline.saturating_since(self.now()).max(Duration::from_millis(1));
            self.wire.set_read_timeout(Some(time)).unwrap();
            let mut chunk = [0; 16 * 1024];
            match self.wire.read(&mut chunk) {
                Ok(0) => panic!("the reference has gone"),
                Ok(read) => self.buffered.extend_from_slice(&chunk[..read]),
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// What `pick` makes of the first output of which it makes something; the others are dropped.
    fn wait_for<T>(&mut self, mut pick: impl FnMut(Output) -> Option<T>) -> T {
        let end = self.now() + PATIENCE;
        loop {
            while let Some(output) = self.outputs.pop_front() {
                if let Some(picked) = pick(output) {
                    return picked;
                }
            }
            assert!(self.now() < end, "it did not come in time");
            let deadline = self.node.next_deadline().map_or(end, |deadline| deadline.min(end));
            match self.receive(deadline) {
                Some(bytes) => self.input(|node, now, out| node.handle_message(&bytes, now, out)).unwrap(),
                None => self.input(Node::handle_timeout),
            }
        }
    }

    /// All answers to a request, and how it ended.
    fn finish(&mut self, request: &RequestId) -> (Vec<Answer>, Outcome) {
        let mut answers = Vec::new();
        let outcome = self.wait_for(|output| match output {
            Output::Answer { request: of, answer, .. } if of == *request => {
                answers.push(answer);
                None
            }
            Output::Finished { request: of, outcome } if of == *request => Some(outcome),
            _ => None,
        });
        (answers, outcome)
    }

    fn emit(&mut self, event: &str) {
        let event = Body::event(event, &()).unwrap();
        let publication = self.input(|node, now, _| node.server_side_emit(&chat(), &event, now)).unwrap();
        self.publish(&publication);
    }

    fn fetch(&mut self, options: &BroadcastOptions) -> Vec<SocketDetails> {
        let request = self.input(|node, now, out| node.begin_fetch_sockets(&chat(), options, now, out)).unwrap();
        let (answers, outcome) = self.finish(&request);
        assert!(outcome.is_complete() && outcome.answered == 1);
        let [Answer::Sockets(sockets)] = &answers[..] else { panic!("{answers:?}") };
        sockets.clone()
    }
}

fn reference() -> NodeServer {
    NodeServer::start("tests/js/cluster_adapter.mjs", [""; 0])
}

fn room(name: &str) -> BroadcastOptions {
    BroadcastOptions { rooms: vec![name.to_owned()], ..BroadcastOptions::default() }
}

/// What the reference keeps with each socket.
#[derive(serde::Deserialize)]
struct Data {
    name: String,
    picture: Bytes,
}

/// What its clients acknowledge with.
#[derive(serde::Deserialize)]
struct Said {
    value: u8,
    bytes: Option<Bytes>,
}

#[test]
fn the_reference_answers_what_a_node_asks() {
    let reference = reference();
    let mut server = Server::start(&reference);

    // Sockets, with binary data in them.
    let sockets = server.fetch(&BroadcastOptions::default());
    let mut names = Vec::new();
    for socket in sockets {
        let (handshake,): (Value,) = socket.handshake.ack_args().unwrap();
        assert!(handshake["url"].as_str().unwrap().starts_with("/socket.io/"));
        let (data,): (Data,) = socket.data.ack_args().unwrap();
        assert_eq!(data.picture, data.name);
        assert_eq!(socket.rooms, [socket.id.clone(), format!("room of {}", data.name)]);
        names.push(data.name);
    }
    names.sort();
    assert_eq!(names, ["one", "two"]);

    // A broadcast with acknowledgements, in both formats.
    for bytes in [None, Some(Bytes::from_static(&[0, 255]))] {
        let event = Body::event("question", &(7, &bytes)).unwrap();
        let options = BroadcastOptions { except: vec!["room of nobody".into()], ..BroadcastOptions::default() };
        let begin =
            |node: &mut Node, now, out: &mut Vec<Output>| node.begin_broadcast(&chat(), &event, &options, now, out);
        let request = server.input(begin).unwrap();
        let (answers, outcome) = server.finish(&request);
        assert!(outcome.is_complete());
        assert_eq!((outcome.answered, outcome.clients, outcome.acks, answers.len()), (1, 2, 2, 2));
        for answer in answers {
            let Answer::Ack(ack) = answer else { panic!("{answer:?}") };
            assert_eq!(ack.ack_arg_count(), 1);
            let (said,): (Said,) = ack.ack_args().unwrap();
            assert_eq!((said.value, said.bytes), (7, bytes.clone()));
        }
    }

    // Server-side events that are answered, with binary data, and not at all.
    let add = Body::event("add", &(2, 3)).unwrap();
    let swap = Body::event("swap", &Bytes::from_static(&[1, 2, 3])).unwrap();
    for (event, expected) in [(&add, Some(Body::ack(&5))), (&swap, None)] {
        let request =
            server.input(|node, now, out| node.begin_server_side_emit(&chat(), event, None, now, out)).unwrap();
        let (answers, outcome) = server.finish(&request);
        assert!(outcome.is_complete());
        let [Answer::ServerSideEmit(answer)] = &answers[..] else { panic!("{answers:?}") };
        match expected {
            Some(expected) => assert_eq!(*answer, expected.unwrap()),
            None => assert_eq!(answer.attachments(), [Bytes::from_static(&[3, 2, 1])]),
        }
    }
    let never = Body::event("never", &()).unwrap();
    let timeout = Some(Duration::from_millis(100));
    let request =
        server.input(|node, now, out| node.begin_server_side_emit(&chat(), &never, timeout, now, out)).unwrap();
    let (answers, outcome) = server.finish(&request);
    assert!(answers.is_empty() && matches!(&outcome.missing[..], [(_, Absence::Late)]));
}

#[test]
fn the_reference_moves_its_sockets_as_a_node_says() {
    let reference = reference();
    let mut server = Server::start(&reference);
    let rooms = ["x".to_owned(), "y".to_owned()];
    let sent = server.input(|node, now, _| {
        let one = room("room of one");
        [
            node.sockets_join(&chat(), &one, &rooms, now),
            node.sockets_leave(&chat(), &one, &rooms[..1], now),
            node.disconnect_sockets(&chat(), &room("room of two"), true, now),
        ]
    });
    for publication in sent {
        server.publish(&publication.unwrap().unwrap());
    }
    let sockets = server.fetch(&BroadcastOptions::default());
    assert_eq!(sockets.len(), 1);
    assert_eq!(sockets[0].rooms, [&sockets[0].id, "room of one", "y"]);
    assert!(server.fetch(&room("x")).is_empty());
}

/// What the reference asked so far, answered as a server with one client would.
fn answer(server: &mut Server, work: Work, asked: &mut Vec<&'static str>) -> Option<Value> {
    let node = &server.node;
    let publications = match work {
        Work::Broadcast { event, reply: Some(reply), options, .. } => {
            asked.push("broadcast");
            assert_eq!(event.event_name().as_deref(), Some("from the reference"));
            assert_eq!(event.args::<Bytes>().unwrap(), Bytes::from_static(&[1, 2]));
            assert_eq!(options.flags.timeout, Some(Duration::from_secs(5)));
            let ack = Body::ack(&(json!({"client": "ours"}), "a second argument")).unwrap();
            vec![node.answer_client_count(&reply, 1), node.answer_ack(&reply, &ack)]
        }
        Work::FetchSockets { reply, .. } => {
            asked.push("fetch");
            let data = Bytes::from_static(b"data");
            let details = SocketDetails::new("our id", vec!["their room".into()], &json!({"url": "/ours"}), &data);
            vec![node.answer_sockets(&reply, vec![details.unwrap()])]
        }
        Work::ServerSideEmit { event, reply, .. } => match reply {
            Some(reply) => {
                asked.push("emit");
                assert_eq!(event.args::<Value>().unwrap(), json!({"n": 1}));
                vec![node.answer_server_side_emit(&reply, &Body::ack(&"ours").unwrap())]
            }
            None => return Some(event.args().unwrap()),
        },
        Work::SocketsJoin { options, rooms, .. } => {
            assert_eq!((options, rooms), (room("their room"), vec!["x".into(), "y".into()]));
            asked.push("join");
            vec![]
        }
        Work::SocketsLeave { options, rooms, .. } => {
            assert_eq!((options, rooms), (room("their room"), vec!["x".into()]));
            asked.push("leave");
            vec![]
        }
        Work::DisconnectSockets { options, close, .. } => {
            assert!(close && options.except == ["their room"]);
            asked.push("disconnect");
            vec![]
        }
        work => panic!("{work:?}"),
    };
    for publication in publications {
        server.publish(&publication.unwrap());
    }
    None
}

#[test]
fn a_node_answers_what_the_reference_asks() {
    let reference = reference();
    let mut server = Server::start(&reference);
    server.emit("ask me");
    let mut asked = Vec::new();
    let came_of_it = loop {
        let work = server.wait_for(|output| if let Output::Local(work) = output { Some(work) } else { None });
        if let Some(came_of_it) = answer(&mut server, work, &mut asked) {
            break came_of_it;
        }
    };
    assert_eq!(asked, ["broadcast", "fetch", "emit", "join", "leave", "disconnect"]);
    assert_eq!(came_of_it["acks"], json!([{"client": "ours"}]));
    assert_eq!(came_of_it["answers"], json!(["ours"]));
    let found = &came_of_it["found"][0];
    assert_eq!(
        (&found["id"], &found["url"], &found["rooms"]),
        (&json!("our id"), &json!("/ours"), &json!(["their room"]))
    );
    assert_eq!(found["data"], json!(b"data"));
}

#[test]
fn each_notices_when_the_other_says_farewell() {
    let reference = reference();
    let mut server = Server::start(&reference);
    server.emit("leave");
    let reason =
        server.wait_for(|output| if let Output::NodeLeft { reason, .. } = output { Some(reason) } else { None });
    assert_eq!(reason, Absence::Left);
    server.input(Node::close);
    assert_eq!(reference.wait_for_line("left ", PATIENCE), NodeId::new(1).as_str());
}
