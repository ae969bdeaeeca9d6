//! [`PerMessageDeflate`]: the choice to compress WebSocket messages (row A11), and what it costs.
//!
//! Leaves out the doing: what is agreed on is `server/upgrade.rs`'s, what is compressed `transport/websocket.rs`'s.

/// How WebSocket messages are compressed: permessage-deflate, RFC 7692 (row A11). Use it where bandwidth is dearer than
/// processor time: long texts, slow links.
///
/// Memory: each message is compressed by itself (`no_context_takeover`, both ways), so a connection keeps nothing for it.
/// Each worker thread that compresses keeps 380 KB, and inflating takes 48 KB while it happens, so `n` threads hold at
/// most `n` × 428 KB, however many connections there are. What a client sends may come to
/// [`Limits::max_payload_bytes`](crate::Limits::max_payload_bytes), compressed as well as inflated; a message that
/// would be longer is stopped there, and the connection closed with 1009 (hazard S38).
///
/// Time: a megabyte of JSON takes some 8 ms to compress at level 6 and 1.5 ms to inflate, inside the session's task. What
/// is sent to many as one [`MessageFrame`](crate::MessageFrame) made with `shared` is compressed once.
///
/// ```
/// use engineio::{Config, PerMessageDeflate};
///
/// let mut deflate = PerMessageDeflate::default();
/// deflate.threshold = 4096;
/// let mut config = Config::default();
/// config.per_message_deflate = Some(deflate);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PerMessageDeflate {
    /// Messages shorter than this many bytes are sent as they are; default 1024, as little can be gained below (row
    /// A12).
    pub threshold: usize,
    /// From 1, the quickest, to 9, which shrinks most; others count as the nearest of these. Default 6, as the
    /// reference's.
    pub level: u8,
}

impl Default for PerMessageDeflate {
    fn default() -> Self {
        Self { threshold: 1024, level: 6 }
    }
}
