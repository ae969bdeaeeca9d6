//! The handlers of a single socket, beside those of its namespace (rows D64, D66, D67, D70, D71). They go with the socket.

use std::{mem::take, sync::Arc};

use socketio_proto::Body;

use super::Socket;
use crate::{
    handler::Erased,
    server::{DisconnectContext, EventContext, Handler, namespace::check_event_name},
};

impl Socket {
    /// Runs `handler` for each event of that name from this socket, behind the namespace's own handlers (row D64). It
    /// goes with the socket.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on("ping", async || Ok("pong"));
    /// assert_eq!(client.emit_with_ack::<String>("ping", &()).await, "pong");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// As [`Namespace::on`](crate::Namespace::on).
    pub fn on<M>(&self, event: &str, handler: impl Handler<EventContext, M>) {
        self.register(event, Erased::new(handler), false);
    }

    /// The same for the next such event alone.
    ///
    /// ```
    /// # fn f(socket: socketio::Socket) {
    /// use socketio::Data;
    ///
    /// socket.once("ready", async |Data(version): Data<u32>| println!("ready with version {version}"));
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`Namespace::on`](crate::Namespace::on).
    pub fn once<M>(&self, event: &str, handler: impl Handler<EventContext, M>) {
        self.register(event, Erased::new(handler), true);
    }

    fn register(&self, event: &str, handler: Erased<EventContext>, once: bool) {
        check_event_name(event);
        self.core.with_handlers(|own| own.events.add(event, handler, once));
    }

    /// Forgets this socket's own handlers of that event; the namespace's stay.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on("ping", async || Ok("pong"));
    /// socket.off("ping");
    /// # Ok(()) }
    /// ```
    pub fn off(&self, event: &str) {
        drop(self.core.with_handlers(|own| own.events.remove(event)));
    }

    /// Runs `middleware` for each event from this socket before its handlers, behind the namespace's own
    /// ([`Namespace::event_middleware`](crate::Namespace::event_middleware), row D68).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.event_middleware(async || Err::<(), _>(HandlerError::new("you are muted")));
    /// # Ok(()) }
    /// ```
    pub fn event_middleware<M>(&self, middleware: impl Handler<EventContext, M>) {
        let middleware = Erased::new(middleware);
        self.core.with_handlers(|own| own.event_middleware.push(middleware));
    }

    /// Runs `handler` for each event from this socket, as [`Namespace::on_any`](crate::Namespace::on_any) does for all
    /// (row D66).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on_any(async |Event(name): Event| println!("{name} came"));
    /// # Ok(()) }
    /// ```
    pub fn on_any<M>(&self, handler: impl Handler<EventContext, M>) {
        let handler = Erased::new(handler);
        self.core.with_handlers(|own| own.events.any.push(handler));
    }

    /// Forgets this socket's own catch-all handlers, in and out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on_any(async |Event(name): Event| println!("{name} came"));
    /// socket.off_any();
    /// # Ok(()) }
    /// ```
    pub fn off_any(&self) {
        // Dropped under no lock.
        drop(self.core.with_handlers(|own| (take(&mut own.events.any), take(&mut own.outgoing))));
    }

    /// Calls `listener` for each event that is emitted to this socket, as [`Namespace::on_any_outgoing`](crate::Namespace::on_any_outgoing) does for all
    /// (row D67).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on_any_outgoing(|_socket, event| println!("{:?} goes", event.event_name()));
    /// socket.emit("hello", &())?;
    /// # Ok(()) }
    /// ```
    pub fn on_any_outgoing(&self, listener: impl Fn(&Self, &Body) + Send + Sync + 'static) {
        self.core.namespace.set_watched();
        self.core.with_handlers(|own| own.outgoing.push(Arc::new(listener)));
    }

    /// Runs `handler` when this socket is leaving, as [`Namespace::on_disconnecting`](crate::Namespace::on_disconnecting) does for all (row D70).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on_disconnecting(async |socket: Socket| println!("{:?} will miss {}", socket.rooms(), socket.id()));
    /// # Ok(()) }
    /// ```
    pub fn on_disconnecting<M>(&self, handler: impl Handler<DisconnectContext, M>) {
        let handler = Erased::new(handler);
        self.core.with_handlers(|own| own.leaving.disconnecting.push(handler));
    }

    /// Runs `handler` when this socket has left, as [`Namespace::on_disconnect`](crate::Namespace::on_disconnect) does for all (row D71).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on_disconnect(async |socket: Socket, why: DisconnectReason| println!("{} left: {why}", socket.id()));
    /// # Ok(()) }
    /// ```
    pub fn on_disconnect<M>(&self, handler: impl Handler<DisconnectContext, M>) {
        let handler = Erased::new(handler);
        self.core.with_handlers(|own| own.leaving.disconnect.push(handler));
    }
}
