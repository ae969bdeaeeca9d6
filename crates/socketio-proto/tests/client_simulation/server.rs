//! [`Server`]: what the reference's server does with one namespace, without the connections. It closes the connection at a
//! packet for a namespace that is not joined, and panics where a client that keeps the protocol could not have sent one.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use socketio_proto::{AckId, Body, Namespace, Packet, PacketKind};

/// What the server has of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Out,
    /// A CONNECT waits for middlewares.
    Deciding,
    /// In this session.
    In(u32),
}

/// What is to be done about a packet.
#[derive(Debug)]
pub(crate) enum Reaction {
    Nothing,
    Close,
    /// Decide about this CONNECT.
    Decide(Value),
    Event {
        number: u32,
        session: u32,
        ack: Option<AckId>,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Server {
    states: BTreeMap<usize, State>,
    /// The events sent to each session, and whether it can be recovered.
    sessions: Vec<Session>,
    pub(crate) replayed: u32,
}

#[derive(Debug)]
struct Session {
    sent: u32,
    is_over: bool,
}

fn packet(kind: PacketKind, body: Option<Body>) -> Packet {
    Packet::new(kind, Namespace::root(), body)
}

fn number_in(text: &Value, prefix: &str) -> Option<u32> {
    text.as_str()?.strip_prefix(prefix)?.parse().ok()
}

impl Server {
    pub(crate) fn state(&self, link: usize) -> State {
        self.states.get(&link).copied().unwrap_or_default()
    }

    pub(crate) fn handle(&mut self, link: usize, packet: &Packet) -> Reaction {
        match (self.state(link), packet.kind) {
            (State::Out, PacketKind::Connect) => {
                self.states.insert(link, State::Deciding);
                let payload = packet.body.as_ref().map(|body| body.data().expect("an object"));
                Reaction::Decide(payload.unwrap_or(Value::Null))
            }
            // It has crossed with a DISCONNECT of this side.
            (State::Out, _) => Reaction::Close,
            (State::Deciding, kind) => panic!("a {kind:?} before the answer to the CONNECT"),
            (State::In(_), PacketKind::Connect) => panic!("a second CONNECT"),
            (State::In(session), PacketKind::Disconnect) => {
                self.sessions[session as usize].is_over = true;
                self.states.insert(link, State::Out);
                Reaction::Nothing
            }
            (State::In(session), PacketKind::Event) => {
                let number = packet.body.as_ref().map(|body| body.args().expect("a number")).expect("a body");
                Reaction::Event { number, session, ack: packet.ack }
            }
            (State::In(_), kind) => panic!("a client does not send a {kind:?} here"),
        }
    }

    pub(crate) fn refuse(&mut self, link: usize) -> Packet {
        self.states.insert(link, State::Out);
        packet(PacketKind::ConnectError, Body::connect_error("no", None::<&()>).ok())
    }

    /// Lets the client in, into its session where it can be recovered: what it has missed comes first. Yields the link that
    /// it had before, if the server has not noticed yet that it is gone.
    pub(crate) fn admit(&mut self, link: usize, payload: &Value, recovers: bool) -> (Vec<Packet>, Option<usize>) {
        let known = number_in(&payload["pid"], "pid-").filter(|pid| !self.sessions[*pid as usize].is_over);
        let seen = match &payload["offset"] {
            Value::Null => Some(0),
            // An offset of another session is of no use.
            text => known.and_then(|pid| number_in(text, &format!("{pid}:"))).map(|number| number + 1),
        };
        let recovered = known.zip(seen);
        let session = recovered.map_or(self.sessions.len() as u32, |(session, _)| session);
        if recovered.is_none() {
            self.sessions.push(Session { sent: 0, is_over: false });
        }
        let replaced = self.link_of(session);
        let seen = recovered.map_or(0, |(_, seen)| seen);
        let mut packets: Vec<_> =
            (seen..self.sessions[session as usize].sent).map(|number| event(session, number, recovers)).collect();
        self.replayed += packets.len() as u32;
        let pid = if recovers { json!(format!("pid-{session}")) } else { Value::Null };
        let answer = Body::connect(&json!({ "sid": session.to_string(), "pid": pid })).expect("an object");
        packets.push(packet(PacketKind::Connect, Some(answer)));
        self.states.insert(link, State::In(session));
        (packets, replaced)
    }

    fn link_of(&self, session: u32) -> Option<usize> {
        self.states.iter().find(|(_, state)| **state == State::In(session)).map(|(link, _)| *link)
    }

    /// An event to the last session; on this link, if it has one.
    pub(crate) fn emit(&mut self, recovers: bool) -> Option<(usize, Packet)> {
        let session = self.sessions.len().checked_sub(1)? as u32;
        let link = self.link_of(session);
        // Without recovery nothing is kept for those who are not there.
        if self.sessions[session as usize].is_over || (link.is_none() && !recovers) {
            return None;
        }
        let number = self.sessions[session as usize].sent;
        self.sessions[session as usize].sent += 1;
        link.map(|link| (link, event(session, number, recovers)))
    }

    /// Sends the client on this link away, if it is in.
    pub(crate) fn kick(&mut self, link: usize) -> Option<Packet> {
        let State::In(session) = self.state(link) else { return None };
        self.sessions[session as usize].is_over = true;
        self.states.insert(link, State::Out);
        Some(packet(PacketKind::Disconnect, None))
    }

    /// The connection is gone; the session may be recovered.
    pub(crate) fn lose(&mut self, link: usize) {
        self.states.remove(&link);
    }
}

fn event(session: u32, number: u32, recovers: bool) -> Packet {
    let body = Body::event("s", &(session, number)).expect("two numbers");
    let body = if recovers { body.with_text(&format!("{session}:{number}")) } else { body };
    packet(PacketKind::Event, Some(body))
}

pub(crate) fn ack(id: AckId, number: u32) -> Packet {
    Packet { ack: Some(id), ..packet(PacketKind::Ack, Body::ack(&number).ok()) }
}
