//! Socket.IO protocol v5 without I/O: packets, the JSON codec with binary attachments, the bounded
//! decoder, other parsers in their place, the table of pending acknowledgements, what connection state recovery
//! keeps, a client's socket, and how long a client waits before it tries again. [SIO5 Protocol]
//!
//! Leaves out everything with a clock, a task or a socket in it (crate `socketio`) and the transport
//! below (crate `engineio-proto`, whose messages come in and go out here).
//!
//! # Arguments
//!
//! An event carries a list of arguments, an acknowledgement as well. Rust values become such a list, and
//! a list becomes a Rust value, by one rule both ways:
//!
//! | type | sent as | read from |
//! |---|---|---|
//! | a tuple, `(A, B)` | one argument for each element | the first arguments, in order |
//! | a fixed-size array, `[A; 2]` | the same, as serde sees no difference | the same |
//! | [`Args<A>`], for a number known only at run time | one argument for each element | all arguments |
//! | `()` | no argument | nothing |
//! | any other type, `Vec<A>` and tuple structs among them | one argument | the first argument |
//!
//! - An argument that is missing reads as `None` where an `Option` is asked for, and as `()` where that
//!   is; for any other type it is an [`ArgumentError`]. Arguments that were not asked for are ignored.
//! - To send a tuple or a fixed-size array *as one argument*, put it in a tuple: `([1, 2],)`. The same
//!   goes for `serde_json::Value::Null`, which serde cannot tell from `()`.
//!
//! # Binary
//!
//! Whatever serialises as bytes (`bytes::Bytes`, `serde_bytes`) leaves as a binary attachment, wherever
//! in the value it is, and comes back as bytes wherever bytes are asked for. Numbering is in order of
//! appearance. (C4)
//!
//! - A plain `Vec<u8>` is a list of numbers to serde and is sent as one; reading into it takes an attachment
//!   too.
//! - Where a type does not say what it wants (`serde_json::Value`), an attachment reads as a list of numbers.
//!   `#[serde(flatten)]`, untagged and internally tagged enums read through such a list, and get their
//!   `Bytes` from it.
//! - `&[u8]` and `&str` borrow from the packet.
//! - An object of the caller's own that has the key `_placeholder` is fine without attachments; beside them it
//!   is an [`EncodeError`], as the other side could not tell it from a placeholder.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use serde::{Deserialize, Serialize};
//! use socketio_proto::{AckId, Decoder, DecoderLimits, Namespace, encode_event};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Picture {
//!     name: String,
//!     data: Bytes,
//! }
//!
//! let picture = Picture { name: "dot".into(), data: Bytes::from_static(&[0, 255]) };
//! let encoded = encode_event(&Namespace::new("/chat"), Some(AckId(7)), "picture", &(1, &picture))?;
//!
//! let mut decoder = Decoder::new(DecoderLimits::default());
//! let mut received = None;
//! for frame in encoded.frames() {
//!     received = decoder.handle(frame.message())?;
//! }
//! let body = received.and_then(|packet| packet.body).ok_or("not whole")?;
//! assert_eq!(body.json().as_str(), r#"["picture",1,{"name":"dot","data":{"_placeholder":true,"num":0}}]"#);
//! assert_eq!(body.event_name().as_deref(), Some("picture"));
//! assert_eq!(body.args::<(u8, Picture)>()?, (1, picture));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ack;
mod args;
mod body;
mod client;
mod codec;
mod decoder;
mod error;
mod limits;
mod msgpack;
mod packet;
mod parser;
mod reconnect;
mod recovery;

pub use ack::AckTable;
pub use args::Args;
pub use body::Body;
pub use client::{
    AckFailure, AuthId, ClientClosed, ClientOutput, ClientSocket, ClientSocketOptions, EarlyOverflow, EmitOptions,
    EmitRefusal, Emitted, NotEmitted, OfflinePolicy, Outgoing, Refusal,
};
pub use codec::{Encoded, encode, encode_ack, encode_event, encode_packet};
pub use decoder::Decoder;
pub use error::{ArgumentError, DecodeError, EncodeError};
pub use limits::DecoderLimits;
pub use msgpack::{MsgpackParser, json_to_msgpack, msgpack_to_json};
pub use packet::{AckId, Namespace, Packet, PacketKind, RESERVED_EVENTS, is_reserved_event};
pub use parser::{AnyDecoder, AnyParser, Decode, JsonParser, Parser};
pub use reconnect::{Backoff, ReconnectOptions};
pub use recovery::{
    Missed, NotAnOffset, NotRecovered, Offset, PrivateId, Recovery, RecoveryLimits, Reserved, Restored,
};
