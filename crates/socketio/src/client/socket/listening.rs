//! What a [`Socket`] may be told to listen for. Rows E30–E33, E46, E51–E53.

use std::sync::{Arc, atomic::Ordering};

use socketio_proto::Body;

use super::Socket;
use crate::{
    Handler,
    client::{ConnectContext, ConnectErrorContext, DisconnectContext, EventContext, Events},
    event_handlers::check_event_name,
    handler::Erased,
};

/// Handlers are async functions with extractors as arguments, the same as on the server: [`Socket`], [`Data`](crate::Data),
/// [`Event`](crate::Event), [`RawEvent`](crate::RawEvent), [`AckSender`](crate::AckSender). They start in the order of the events, each runs until
/// it first waits, and what one returns is the acknowledgement. They stay over reconnections: register them before
/// [`Socket::connect`], so that none misses anything.
impl Socket {
    /// Calls `handler` for each event of this name (row E51).
    ///
    /// ```
    /// use socketio::{Data, client::{Client, Socket}};
    ///
    /// let socket = Client::new("http://localhost:3000")?.of("/");
    /// socket
    ///     .on("question", async |Data(text): Data<String>| Ok(text.len())) // the acknowledgement
    ///     .on("news", async |socket: Socket, Data((title, stars)): Data<(String, u8)>| {
    ///         println!("{title} {stars} {:?}", socket.id());
    ///     });
    /// # Ok::<(), socketio::client::AddressError>(())
    /// ```
    ///
    /// # Panics
    /// Where the name is one of those that the protocol keeps for itself, and nobody can send.
    pub fn on<M>(&self, event: &str, handler: impl Handler<EventContext, M>) -> &Self {
        check_event_name(event);
        self.core.change_handlers().events.add(event, Erased::new(handler), false);
        self
    }

    /// The same for the next such event only.
    ///
    /// # Panics
    /// As [`Socket::on`].
    pub fn once<M>(&self, event: &str, handler: impl Handler<EventContext, M>) -> &Self {
        check_event_name(event);
        self.core.change_handlers().events.add(event, Erased::new(handler), true);
        self
    }

    /// Forgets all handlers of this event.
    pub fn off(&self, event: &str) -> &Self {
        let removed = self.core.change_handlers().events.remove(event);
        drop(removed);
        self
    }

    /// Calls `handler` for every event, before its own handlers; what it returns is no acknowledgement (row E52).
    pub fn on_any<M>(&self, handler: impl Handler<EventContext, M>) -> &Self {
        self.core.change_handlers().events.any.push(Erased::new(handler));
        self
    }

    /// Forgets these.
    pub fn off_any(&self) -> &Self {
        let removed = std::mem::take(&mut self.core.change_handlers().events.any);
        drop(removed);
        self
    }

    /// Calls `handler` for each event that has no handler of its own. There is one such handler; the last one counts.
    pub fn on_fallback<M>(&self, handler: impl Handler<EventContext, M>) -> &Self {
        let replaced = self.core.change_handlers().fallback.replace(Erased::new(handler));
        drop(replaced);
        self
    }

    /// Calls `listener` for each event that is sent, when it is: those that were kept, on the connection that takes them
    /// (row E53). It must not block.
    pub fn on_any_outgoing(&self, listener: impl Fn(&Body) + Send + Sync + 'static) -> &Self {
        self.core.change_handlers().outgoing.push(Arc::new(listener));
        self.core.has_outgoing.store(true, Ordering::Release);
        self
    }

    /// Forgets these.
    pub fn off_any_outgoing(&self) -> &Self {
        let removed = std::mem::take(&mut self.core.change_handlers().outgoing);
        drop(removed);
        self
    }

    /// Calls `handler` each time the socket is connected, again too, after what was kept has been sent (row E30).
    /// [`Socket::is_recovered`] tells whether it missed something.
    pub fn on_connect<M>(&self, handler: impl Handler<ConnectContext, M>) -> &Self {
        self.core.change_handlers().connect.push(Erased::new(handler));
        self
    }

    /// Calls `handler` each time the socket could not be connected: the server was not reached, and is tried again, or it has
    /// refused (row E31). It may take a [`ConnectError`](crate::client::ConnectError).
    ///
    /// ```
    /// use socketio::client::{Client, ConnectError, Socket};
    ///
    /// let socket = Client::new("http://localhost:3000")?.of("/");
    /// socket.on_connect_error(async |socket: Socket, error: ConnectError| {
    ///     if error.is_refused() {
    ///         socket.set_auth(&serde_json::json!({ "token": "another" }))?;
    ///         let _ = socket.connect();
    ///     }
    ///     Ok(())
    /// });
    /// # Ok::<(), socketio::client::AddressError>(())
    /// ```
    pub fn on_connect_error<M>(&self, handler: impl Handler<ConnectErrorContext, M>) -> &Self {
        self.core.change_handlers().connect_error.push(Erased::new(handler));
        self
    }

    /// Calls `handler` each time the socket was connected and is no more, with its
    /// [`DisconnectReason`](crate::DisconnectReason) (rows E33, E34).
    pub fn on_disconnect<M>(&self, handler: impl Handler<DisconnectContext, M>) -> &Self {
        self.core.change_handlers().disconnect.push(Erased::new(handler));
        self
    }

    /// The events of the socket as a stream, from now on; handlers see them as well.
    pub fn events(&self) -> Events {
        let capacity = self.client.config(|config| config.limits.max_stream_events);
        let (events, queue) = Events::new(capacity, self.core.desk.clone());
        if self.core.desk.is_shut() {
            queue.end();
        }
        self.core.change_handlers().streams.push(queue);
        self.core.has_streams.store(true, Ordering::Release);
        events
    }
}
