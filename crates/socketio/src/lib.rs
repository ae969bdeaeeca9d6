//! Socket.IO, server and [`client`]: namespaces, events with any arguments, acknowledgements in both directions, rooms,
//! broadcasts and binary, for every official client and every server (protocol revision 5).
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use socketio::{Auth, Data, DisconnectReason, Server, Socket};
//!
//! #[derive(Deserialize)]
//! struct Login {
//!     name: String,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Message {
//!     text: String,
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let io = Server::new();
//!     io.of("/chat")
//!         .on_connect(async |socket: Socket, Auth(who): Auth<Login>| {
//!             println!("{} is {}", socket.id(), who.name);
//!             socket.join("lobby");
//!             Ok(())
//!         })
//!         .on("message", async |socket: Socket, Data(message): Data<Message>| {
//!             socket.to("lobby").emit("message", &message)?;
//!             Ok("delivered") // the acknowledgement
//!         })
//!         .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
//!             println!("{} left: {reason}", socket.id());
//!         });
//!     io.listen("127.0.0.1:3000").await
//! }
//! ```
//!
//! # Arguments
//! One value is one argument; a tuple is several; `()` is none; the same holds for [`Data`], for what a
//! handler returns, and for answers to acknowledgements. The whole rule, and how binary travels inside
//! ordinary serde values, is in the documentation of `socketio-proto`:
//! ```
//! # fn f(socket: &socketio::Socket) -> Result<(), socketio::EmitError> {
//! socket.emit("one", "argument")?;
//! socket.emit("three", &(1, "two", bytes::Bytes::from_static(b"three")))?;
//! socket.emit("none", &())?;
//! socket.emit("as many as there are", &socketio::Args(vec![1, 2, 3]))
//! # }
//! ```
//!
//! # Order
//! Handlers of one socket *start* in the order in which the events came: each runs inline until it first
//! waits, and only then the next one starts. Past [`Limits::max_pending_handlers`] handlers that wait, the
//! connection is not read until one ends.

mod ack;
#[cfg(feature = "client")]
pub mod client;
mod error;
mod event_handlers;
mod extract;
#[cfg(all(doctest, feature = "server"))]
mod guide;
mod handler;
mod id;
mod reason;
#[cfg(feature = "server")]
pub mod server;

/// What joins several servers: [`Backplane`](cluster::Backplane) and what there is of it. [`Server::in_cluster`] takes one.
#[cfg(feature = "server")]
pub mod cluster {
    pub use socketio_cluster::{
        Absence, Backplane, BackplaneError, BoxFuture, Destination, Inbox, MemoryBackplane, MemoryHub, NodeId,
        Publication,
    };
}
#[cfg(feature = "server")]
pub mod testing;

pub use ack::{AckSender, PendingAck};
pub use engineio::{self, TransportKind};
#[cfg(feature = "server")]
pub use engineio::{AllowRequest, PeerAddr};
pub use error::{AckError, EmitError, HandlerError};
pub use extract::{Data, Event, FromContext, RawEvent};
pub use handler::{Context, Handler, Reply};
pub use id::SocketId;
pub use reason::DisconnectReason;
#[cfg(feature = "server")]
pub use server::{
    Auth, Broadcast, ClientFiles, Config, ConnectContext, ConnectionStateRecovery, Counters, DisconnectContext, Drain,
    Emitter, EventContext, Extension, Extensions, HandlerFailure, Handshake, HandshakeDetails, Incomplete, Limits,
    Namespace, Occasion, PendingAnswers, RemoteSocket, RoomEvent, Server, ServerLayer, ServerService, Socket,
    SocketData, WhenFull,
};
pub use socketio_proto::{
    AnyParser, Args, ArgumentError, Body, DecoderLimits, EncodeError, JsonParser, MsgpackParser, Parser,
};

/// How long a large attachment of which parts come is waited for at a time, where the limit for one that does not come is shorter.
#[cfg(any(feature = "server", feature = "client"))]
const LARGE_ATTACHMENT_STEP: std::time::Duration = std::time::Duration::from_secs(1);
