//! Names of things: [`SessionId`], [`TransportKind`], [`PollId`], [`RequestId`], [`WireId`].
//!
//! Ids are made by the caller, who has the randomness; this file only gives them types.

use std::{borrow::Borrow, fmt};

use crate::{ShortText, Text};

/// The id of a session (`sid`), a bearer secret: who knows it can read and write the session over
/// long-polling. `Debug` therefore shows the first four characters only, and there is no `Display`.
///
/// Contract row A26, hazards S1 and S45.
///
/// ```
/// let id = engineio_proto::SessionId::new("hm2bp0oeDzXHl5YpAAAB");
/// assert!(!format!("{id:?}").contains("hm2bp0oeDzXHl5YpAAAB")); // it is a secret
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(ShortText);

impl SessionId {
    /// Takes over an id. It must be unguessable and unique among the sessions that a client may reach.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use engineio_proto::SessionId;
    ///
    /// let sessions = BTreeMap::from([(SessionId::new("hm2bp0oeDzXHl5YpAAAB"), 1)]);
    /// assert_eq!(sessions.get("hm2bp0oeDzXHl5YpAAAB"), Some(&1)); // asked with what stands in the query
    /// ```
    #[must_use]
    pub fn new(id: impl Into<Text>) -> Self {
        Self(ShortText::new(&id.into()))
    }

    /// The secret itself, for the wire.
    ///
    /// ```
    /// assert_eq!(engineio_proto::SessionId::new("hm2bp0oeDzXHl5YpAAAB").expose(), "hm2bp0oeDzXHl5YpAAAB");
    /// ```
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        self.expose()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.expose();
        let shown = id.char_indices().nth(4).map_or("", |(end, _)| &id[..end]);
        write!(f, "SessionId({shown}…)")
    }
}

/// What carries packets. [EIO4 Transports]
///
/// ```
/// assert_eq!(engineio_proto::TransportKind::WebSocket.name(), "websocket");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// HTTP long-polling: GET to receive, POST to send.
    Polling,
    /// A WebSocket connection.
    WebSocket,
}

impl TransportKind {
    /// The name in the `transport` query parameter and in `upgrades`.
    ///
    /// ```
    /// assert_eq!(engineio_proto::TransportKind::Polling.name(), "polling");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }

    /// The kind of that name. Anything but the exact names is unknown (row A36, hazard S7).
    ///
    /// ```
    /// use engineio_proto::TransportKind;
    ///
    /// assert_eq!(TransportKind::from_name("polling"), Some(TransportKind::Polling));
    /// assert_eq!(TransportKind::from_name("Polling"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Polling, Self::WebSocket].into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One GET of a session; numbered by the session, so that an answer finds its request.
///
/// ```
/// use engineio_proto::{Dialect, Moment, ServerSession};
///
/// let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &"0{}".into(), Moment::EPOCH);
/// let mut out = Vec::new();
/// let poll = session.handle_poll_opened(&mut out)?; // waits
/// session.handle_poll_abandoned(poll, &mut out);
/// assert!(session.is_closed());
/// # Ok::<(), engineio_proto::Reject>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PollId(pub(crate) u32);

/// One WebSocket connection of a session; numbered by the session, so that what a dead connection
/// still delivers is told from what the living one says.
///
/// ```
/// use engineio_proto::{Dialect, Moment, ServerSession};
///
/// let open = "0{}".into();
/// let (session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// assert!(session.wants_write(wire)); // the open packet
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WireId(pub(crate) u32);

/// One request of a client's session, a GET or a POST; numbered by the session, so that an answer finds what it answers.
///
/// ```
/// use engineio_proto::{ClientOutput, ClientSession, Moment};
///
/// let mut out = Vec::new();
/// let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
/// let Some(ClientOutput::Get(get)) = out.pop() else { panic!("it begins with a GET") };
/// session.handle_request_failed(get, &mut out);
/// assert!(session.is_closed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub(crate) u32);

#[cfg(test)]
mod tests {
    use super::*;

    /// Hazards S1, S45.
    #[test]
    fn a_session_id_does_not_show_itself_in_logs() {
        assert_eq!(format!("{:?}", SessionId::new("abcdefghij")), "SessionId(abcd…)");
        assert_eq!(format!("{:?}", SessionId::new("abc")), "SessionId(…)");
    }

    /// Hazard S7.
    #[test]
    fn only_the_exact_transport_names_are_known() {
        assert_eq!(TransportKind::from_name("polling"), Some(TransportKind::Polling));
        assert_eq!(TransportKind::from_name("websocket"), Some(TransportKind::WebSocket));
        for name in ["", "Polling", "webtransport", "constructor", "__proto__", "websocket "] {
            assert_eq!(TransportKind::from_name(name), None, "{name:?}");
        }
    }
}
