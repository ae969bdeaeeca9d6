//! Engine.IO v4, and v3 for old clients, without I/O: packets, payloads, requests, WebSocket frames, and the session as a state
//! machine. <https://socket.io/docs/v4/engine-io-protocol/>
//!
//! # The model in one page
//! - **Codec**: [`Packet`] and [`Packets`] read what a peer sent, [`PayloadWriter`] and [`MessageFrame`] make
//!   what it gets; [`websocket`] is RFC 6455 in both directions.
//! - **Requests**: [`request::classify`] turns an HTTP request into what it wants, or into the refusal that
//!   the error table gives it.
//! - **Revisions**: a [`Dialect`] says what a client speaks; what is different in revision 3 is in [`v3`].
//! - **Session**: [`ServerSession`] and [`ClientSession`] take inputs (`handle_*`, with the time as an argument) and give
//!   [`Output`]s and [`ClientOutput`]s into a vector that the caller lends. *Drain it after each input*: outputs are in order, and
//!   a later input assumes that the earlier outputs were carried out.
//!
//! Nothing here reads a clock, draws a random number, waits or touches a socket: ids, masks and time come
//! from the caller. The lints of this crate's `clippy.toml` hold that line.
//!
//! ```
//! use std::sync::Arc;
//! use engineio_proto::*;
//!
//! let limits = Arc::new(Limits::default());
//! let open = Handshake::new(&SessionId::new("secret"), &["websocket"], &limits).packet();
//! let (mut session, answer) = ServerSession::open_polling(limits, Dialect::V4, &open, Moment::EPOCH);
//! assert!(answer.bytes.starts_with(b"0{"));
//!
//! let mut out = Vec::new();
//! session.handle_post_begun(&mut out).unwrap();
//! session.handle_post("4hello".into(), Moment::EPOCH, &mut out).unwrap();
//! assert_eq!(out, [Output::Message("hello".into())]);
//! ```

mod client;
mod client_query;
mod close;
mod dialect;
mod error;
mod handshake;
mod id;
mod limits;
mod message;
mod moment;
mod packet;
mod payload;
mod progress;
mod queue;
pub mod request;
mod send;
mod session;
mod short;
mod text;
pub mod v3;
pub mod websocket;

pub use client::{ClientLimits, ClientOptions, ClientOutput, ClientSession};
pub use client_query::{ClientQuery, Refusal};
pub use close::{CloseReason, Closed};
pub use dialect::{Dialect, Revision};
pub use error::{DecodeError, SendError};
pub use handshake::Handshake;
pub use id::{PollId, RequestId, SessionId, TransportKind, WireId};
pub use limits::{Limits, WhenFull};
pub use message::{Message, MessageFrame};
pub use moment::Moment;
pub use packet::Packet;
pub use payload::{ContentKind, Packets, Payload, PayloadWriter, SEPARATOR};
pub use queue::SendQueue;
pub use request::{BadRequest, Reject};
pub use send::{MessageGroup, SendMark, SendOptions, Sent};
pub use session::{
    Answer, Attached, CloseMode, Output, PostFault, PostRefusal, PostRest, ServerSession, WireFrame, WireLoss,
};
pub use short::ShortText;
pub use text::Text;
