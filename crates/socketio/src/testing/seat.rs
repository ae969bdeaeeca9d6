//! [`Seat`]: a client's place in a namespace: whether it was let in, the events that came and were not taken, and the
//! acknowledgements that it waits for. Knows nothing of connections.

use std::{
    collections::VecDeque,
    fmt::Write,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Deserialize;
use socketio_proto::{AckId, AckTable, Body, Namespace, Packet, PacketKind};
use tokio::sync::{Notify, oneshot};

use super::Refusal;
use crate::DisconnectReason;

/// Of what came and was not taken, a message shows that many events, and of each that many characters.
const SHOWN_EVENTS: usize = 10;
const SHOWN_CHARS: usize = 200;

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) namespace: Namespace,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    events: VecDeque<Incoming>,
    acks: AckTable<oneshot::Sender<Body>>,
}

#[derive(Clone, Debug)]
pub(super) enum Phase {
    Joining,
    /// With the id of the socket.
    Joined(String),
    Refused(Refusal),
    Left(DisconnectReason),
}

/// An event as it came.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) body: Body,
    pub(super) ack: Option<AckId>,
}

#[derive(Deserialize)]
struct Greeting {
    sid: String,
}

impl Seat {
    pub(super) fn new(namespace: &str) -> Self {
        let state = State { phase: Phase::Joining, events: VecDeque::new(), acks: AckTable::new() };
        Self { namespace: Namespace::new(namespace), state: Mutex::new(state), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase.clone()
    }

    /// Takes a packet of this namespace. Says whether the client is still in it, or on its way in.
    pub(super) fn handle(&self, packet: Packet) -> bool {
        match (packet.kind, packet.body) {
            (PacketKind::Connect, body) => {
                let greeting = body.and_then(|body| body.data::<Greeting>().ok());
                self.lock().phase = Phase::Joined(greeting.map(|greeting| greeting.sid).unwrap_or_default());
            }
            (PacketKind::ConnectError, body) => {
                self.lock().phase = Phase::Refused(body.map(|body| Refusal::read(&body)).unwrap_or_default());
            }
            (PacketKind::Disconnect, _) => self.end(DisconnectReason::IoServerDisconnect),
            (PacketKind::Event, Some(body)) => self.lock().events.push_back(Incoming { body, ack: packet.ack }),
            (PacketKind::Ack, Some(body)) => {
                let sender = packet.ack.and_then(|id| self.lock().acks.take(id));
                // Who has given up waiting does not want it any more.
                let _ = sender.map(|sender| sender.send(body));
            }
            (PacketKind::Event | PacketKind::Ack, None) => {}
        }
        self.changed.notify_waiters();
        matches!(self.phase(), Phase::Joining | Phase::Joined(_))
    }

    /// The client is out; the first reason counts. Acknowledgements do not come any more; events can still be taken.
    pub(super) fn end(&self, reason: DisconnectReason) {
        let _acks = {
            let mut state = self.lock();
            if matches!(state.phase, Phase::Joining | Phase::Joined(_)) {
                state.phase = Phase::Left(reason);
            }
            std::mem::take(&mut state.acks)
        };
        self.changed.notify_waiters();
    }

    /// The place for an answer; made before the question leaves.
    pub(super) fn expect_ack(&self) -> (AckId, oneshot::Receiver<Body>) {
        let (sender, answer) = oneshot::channel();
        (self.lock().acks.insert(None, sender), answer)
    }

    /// Takes the first event of that name, or of any.
    pub(super) fn take(&self, name: Option<&str>) -> Option<Incoming> {
        let mut state = self.lock();
        let fits = |event: &Incoming| name.is_none_or(|name| event.body.event_name().as_deref() == Some(name));
        let at = state.events.iter().position(fits)?;
        state.events.remove(at)
    }

    pub(super) fn has_events(&self) -> bool {
        !self.lock().events.is_empty()
    }

    /// Waits until `look` finds what it looks for; it is asked again after each change.
    pub(super) async fn until<R>(&self, look: impl Fn(&Self) -> Option<R>) -> R {
        loop {
            // Made before looking, so that no change falls between.
            let changed = self.changed.notified();
            if let Some(found) = look(self) {
                return found;
            }
            changed.await;
        }
    }

    /// What came and was not taken, in words.
    pub(super) fn describe(&self) -> String {
        let state = self.lock();
        if state.events.is_empty() {
            return "no event is left untaken".to_owned();
        }
        let mut text = "events that came and were not taken:".to_owned();
        for event in state.events.iter().take(SHOWN_EVENTS) {
            let _ = write!(text, " {}", shown(&event.body));
        }
        if let Some(more) = state.events.len().checked_sub(SHOWN_EVENTS).filter(|more| *more > 0) {
            let _ = write!(text, " and {more} more");
        }
        text
    }
}

/// A body for a message.
pub(super) fn shown(body: &Body) -> String {
    let json = body.json().as_str();
    match json.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", json.get(..end).unwrap_or_default()),
        None => json.to_owned(),
    }
}
