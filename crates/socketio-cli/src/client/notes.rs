//! What a client has to say, in the order in which it happened, as one queue of [`Note`]s. Rows E17, E30–E34.
//!
//! Events take a place each, and the client reads no more while all are taken: a terminal that does not keep up becomes
//! back-pressure and not memory.

use std::sync::{Arc, Mutex, PoisonError};

use socketio::{
    AckSender, Body, DisconnectReason, RawEvent,
    client::{Client, ClientEvent, ConnectError, Socket},
};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{ending, report::Report};

/// Events that wait to be printed.
const PLACES: usize = 256;

/// Something that happened, with the place that it takes until it is printed.
pub(crate) struct Note {
    pub(crate) news: News,
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// What happened.
pub(crate) enum News {
    Event { body: Body, ack: Option<AckSender> },
    Report(Report),
}

/// Listens to everything. It is called before anything is connected, so that nothing is missed.
pub(crate) fn listen(client: &Client, socket: &Socket, reconnection: bool) -> UnboundedReceiver<Note> {
    let (notes, queue) = unbounded_channel();
    listen_to_client(client, notes.clone());
    listen_to_socket(socket, &notes, reconnection);
    queue
}

fn tell(notes: &UnboundedSender<Note>, report: Report) {
    // Once nobody listens, nobody wants to know.
    let _ = notes.send(Note { news: News::Report(report), place: None });
}

/// Why there is no connection, until it is known when the next attempt comes.
enum Why {
    Lost(String),
    Unreachable(String),
}

fn listen_to_client(client: &Client, notes: UnboundedSender<Note>) {
    let why = Mutex::new(None);
    client.on_event(move |event| {
        let mut why = why.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            ClientEvent::Closed(closed) => *why = Some(Why::Lost(closed.reason.to_string())),
            ClientEvent::Failed { error, .. } => *why = Some(Why::Unreachable(ending::explain(error))),
            ClientEvent::Waiting(next) => match why.take() {
                Some(Why::Lost(reason)) => tell(&notes, Report::Lost { reason, next: *next }),
                Some(Why::Unreachable(message)) => tell(&notes, Report::Unreachable { message, next: Some(*next) }),
                None => {}
            },
            ClientEvent::Attempt(number) => tell(&notes, Report::Attempt(*number)),
            ClientEvent::Upgraded => tell(&notes, Report::Upgraded),
            ClientEvent::UpgradeFailed(why) => tell(&notes, Report::UpgradeFailed { why }),
            _ => {}
        }
    });
}

fn listen_to_socket(socket: &Socket, notes: &UnboundedSender<Note>, reconnection: bool) {
    let queue = notes.clone();
    socket.on_connect(move |socket: Socket| {
        let transport = socket.client().engine().and_then(|session| session.transport());
        let transport = transport.map_or("nothing", |transport| transport.name());
        let id = socket.id().map(|id| id.to_string()).unwrap_or_default();
        tell(&queue, Report::Connected { id, transport, recovered: socket.is_recovered() });
        std::future::ready(())
    });
    let queue = notes.clone();
    socket.on_connect_error(move |error: ConnectError| {
        match &error {
            ConnectError::Refused(refusal) => {
                let data = refusal.data_json().map(str::to_owned);
                tell(&queue, Report::Refused { message: refusal.message().to_owned(), data });
            }
            // Where it is tried again, the client says so itself.
            _ if reconnection => {}
            _ => tell(&queue, Report::Unreachable { message: ending::explain(&error), next: None }),
        }
        std::future::ready(())
    });
    let queue = notes.clone();
    socket.on_disconnect(move |reason: DisconnectReason| {
        // Where it comes back, the client says when.
        if !reconnection || !reason.will_reconnect() {
            tell(&queue, Report::Disconnected(reason));
        }
        std::future::ready(())
    });
    let (queue, places) = (notes.clone(), Arc::new(Semaphore::new(PLACES)));
    socket.on_any(move |RawEvent(body): RawEvent, ack: Option<AckSender>| {
        let (queue, places) = (queue.clone(), places.clone());
        async move {
            let place = places.acquire_owned().await.ok();
            let _ = queue.send(Note { news: News::Event { body, ack }, place });
        }
    });
}
