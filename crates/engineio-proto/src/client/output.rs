//! [`ClientOutput`]: what a client's session asks its runtime to do.

use crate::{
    Closed, Message, Payload,
    id::{RequestId, TransportKind, WireId},
    websocket::CloseCode,
};

/// What the session asks its runtime to do, in this order.
///
/// ```
/// use engineio_proto::*;
///
/// let mut out = Vec::new();
/// let session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
/// let [ClientOutput::Get(first)] = out[..] else { panic!("it begins with a GET") };
/// assert!(!session.is_open());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientOutput {
    /// Send a GET; then call [`ClientSession::handle_answer`](crate::ClientSession::handle_answer) or
    /// [`ClientSession::handle_request_failed`](crate::ClientSession::handle_request_failed).
    Get(RequestId),
    /// POST this; then call [`ClientSession::handle_posted`](crate::ClientSession::handle_posted) or
    /// [`ClientSession::handle_request_failed`](crate::ClientSession::handle_request_failed).
    Post(RequestId, Payload),
    /// Give this request up: nobody waits for its answer.
    Abort(RequestId),
    /// Open a WebSocket; then call [`ClientSession::handle_wire_opened`](crate::ClientSession::handle_wire_opened) or
    /// [`ClientSession::handle_wire_lost`](crate::ClientSession::handle_wire_lost).
    OpenWire(WireId),
    /// Write what was taken for this WebSocket, then a close frame with this code (none: without a code), then close it;
    /// or give up opening it.
    CloseWire(WireId, Option<CloseCode>),
    /// The open packet has come: there is a session, see [`ClientSession::handshake`](crate::ClientSession::handshake).
    Opened,
    /// A transport could not open the session; this one is tried next (row B6).
    TriesNext(TransportKind),
    /// The session has moved to a WebSocket.
    Upgraded,
    /// It has not, and stays on long-polling; why, in a few words (row B35).
    UpgradeFailed(&'static str),
    /// The server has sent a heartbeat (rows B27, E26).
    Ping,
    /// Hand this message to the application.
    Message(Message),
    /// The session is over; nothing comes after this but [`ClientOutput::CloseWire`] and [`ClientOutput::Abort`].
    Closed(Closed),
}
