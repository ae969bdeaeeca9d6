//! The open packet: what the server tells a new client about its session. [EIO4 Handshake]

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Limits, Text, id::SessionId};

/// The data of the open packet: exactly these keys, in this order (row A20). Times are milliseconds, since
/// that is what stands on the wire.
///
/// ```
/// use engineio_proto::{Handshake, Limits, SessionId};
///
/// let handshake = Handshake::new(&SessionId::new("secret"), &["websocket"], &Limits::default());
/// assert_eq!((handshake.ping_interval, handshake.max_payload), (25_000, 1_000_000));
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Handshake {
    /// The session id.
    pub sid: String,
    /// The names of the transports that the client may upgrade to.
    pub upgrades: Vec<String>,
    /// Milliseconds between a pong and the next ping.
    pub ping_interval: u64,
    /// Milliseconds that the client has for a pong.
    pub ping_timeout: u64,
    /// Bytes that a POST body may have; 0 where the server names no bound (row B31).
    #[serde(default)]
    pub max_payload: u64,
}

/// Without the session's id, which is a secret (hazard S45).
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sid, upgrades, ping_interval, ping_timeout, max_payload } = self;
        f.debug_struct("Handshake")
            .field("sid", &SessionId::new(sid.as_str()))
            .field("upgrades", upgrades)
            .field("ping_interval", ping_interval)
            .field("ping_timeout", ping_timeout)
            .field("max_payload", max_payload)
            .finish()
    }
}

impl Handshake {
    /// The handshake of session `id` under `limits`.
    ///
    /// ```
    /// use engineio_proto::{Handshake, Limits, SessionId};
    ///
    /// let handshake = Handshake::new(&SessionId::new("secret"), &["websocket"], &Limits::default());
    /// assert_eq!((handshake.sid.as_str(), handshake.upgrades), ("secret", vec!["websocket".to_owned()]));
    /// ```
    #[must_use]
    pub fn new(id: &SessionId, upgrades: &[&str], limits: &Limits) -> Self {
        let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            sid: id.expose().to_owned(),
            upgrades: upgrades.iter().map(|&name| name.to_owned()).collect(),
            ping_interval: millis(limits.ping_interval),
            ping_timeout: millis(limits.ping_timeout),
            max_payload: limits.max_payload_bytes as u64,
        }
    }

    /// The open packet: `0` and the JSON.
    ///
    /// ```
    /// use engineio_proto::{Handshake, Limits, SessionId};
    ///
    /// let packet = Handshake::new(&SessionId::new("secret"), &[], &Limits::default()).packet();
    /// assert!(packet.starts_with(r#"0{"sid":"secret","upgrades":[],"pingInterval":25000,"#));
    /// ```
    #[must_use]
    pub fn packet(&self) -> Text {
        // Strings and numbers always serialise; an empty object would be refused by every client.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("0{json}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_packet_carries_the_five_keys_and_no_other() {
        let handshake = Handshake::new(&SessionId::new("lv_VI97HAXpY6yYWAAAC"), &["websocket"], &Limits::default());
        assert_eq!(
            &*handshake.packet(),
            r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }
}
