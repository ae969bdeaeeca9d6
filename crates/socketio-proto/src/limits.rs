//! [`DecoderLimits`]: what a peer may make the decoder hold.
//!
//! Owns the numbers and their reasons; leaves out the limit on one message, which is Engine.IO's, and
//! the time that a half-received packet may take, which needs a clock: the caller asks
//! [`Decoder::is_partial`](crate::Decoder::is_partial) and decides. [SIO5 Exchange protocol]

/// Bounds of a [`Decoder`](crate::Decoder).
///
/// The memory that one connection can make it hold is at most one text message, `max_attachment_bytes`,
/// and some 32 bytes for each of `max_attachments`; nothing is reserved ahead of what has arrived.
///
/// ```
/// let mut limits = socketio_proto::DecoderLimits::default();
/// limits.max_attachments = 10; // as the reference has it
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecoderLimits {
    /// Most binary attachments that one packet may announce.
    pub max_attachments: usize,
    /// Most bytes that the attachments of one packet may have together.
    pub max_attachment_bytes: usize,
    /// Longest namespace in bytes, its leading slash included.
    pub max_namespace_bytes: usize,
}

impl DecoderLimits {
    /// Deepest nesting of arrays and objects in a payload, the outermost included.
    ///
    /// It is what `serde_json` reads, so that a payload is refused here or can be read by any handler.
    ///
    /// ```
    /// use socketio_proto::{Decoder, DecoderLimits};
    ///
    /// let nested = |depth: usize| format!(r#"2["x",{}{}]"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    /// let mut decoder = Decoder::new(DecoderLimits::default());
    /// assert!(decoder.handle(nested(DecoderLimits::MAX_DEPTH).into()).is_ok());
    /// assert!(decoder.handle(nested(DecoderLimits::MAX_DEPTH + 1).into()).is_err());
    /// ```
    pub const MAX_DEPTH: usize = 127;
}

impl Default for DecoderLimits {
    /// 1000 attachments, 10 000 000 bytes, namespaces of 512 bytes.
    ///
    /// The reference allows 10 attachments, each as long as one message, which is 1 000 000 bytes by
    /// default: 10 MB together. These are the same bytes, without cutting off the users who send many
    /// small attachments.
    fn default() -> Self {
        Self { max_attachments: 1000, max_attachment_bytes: 10 * 1_000_000, max_namespace_bytes: 512 }
    }
}
