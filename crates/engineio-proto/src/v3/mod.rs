//! Engine.IO revision 3, as far as its bytes differ from revision 4: the only place that knows them. [EIO3 Encoding]
//! <https://github.com/socketio/engine.io-protocol/tree/v3> Rows A71, A72, A88, A90; hazards R42, S20.
//!
//! - **Payload of text** (`payload.rs`): packets one behind the other, each as `<length>:<packet>` with the length in UTF-16
//!   code units; a binary message stands as `b4` + base64.
//! - **Payload of bytes** (`payload.rs`), where the client takes it and a binary message is among the packets: each as 0
//!   (text) or 1 (binary), the digits of the length in bytes, each a byte from 0 to 9, then 255, then the packet. A binary
//!   packet begins with the number of its kind.
//! - **WebSocket** (`packet.rs`): text as in revision 4; a binary frame begins with the number of its kind, and a
//!   client that takes no binary gets `b4` + base64 in a text frame.
//! - **JSONP** (`jsonp.rs`): a payload of text as the argument of a function call, and back as the field of a form.
//!
//! Leaves out what is the same in both revisions (packet kinds, upgrade, handshake) and who pings
//! (`session/heartbeat.rs`).

mod jsonp;
mod packet;
mod payload;

pub(crate) use jsonp::form_data;
pub(crate) use packet::{decode_binary, decode_text, reframe};
pub(crate) use payload::{BinaryPackets, PayloadWriter, TextPackets};

/// What a client of revision 3 asks for in the query of the request that opens a transport.
///
/// ```
/// use engineio_proto::{Dialect, MessageFrame, Moment, ServerSession, v3::Style};
///
/// let jsonp = Dialect::V3(Style { base64: false, jsonp: Some(0) });
/// let (session, open) = ServerSession::open_polling(Default::default(), jsonp, &"0{}".into(), Moment::EPOCH);
/// assert_eq!(open.bytes, r#"___eio[0]("3:0{}");"#);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// The client takes no binary: `b64=1` (row A72).
    pub base64: bool,
    /// The number of the function that takes the answers, where they are scripts: `j=<number>` (row A71). Such a
    /// client takes no binary either.
    pub jsonp: Option<u32>,
}

impl Style {
    const fn takes_binary(self) -> bool {
        !self.base64 && self.jsonp.is_none()
    }
}
