//! What carries bytes. No protocol state lives here: long-polling is a request that waits for its answer
//! (`server/polling.rs`, `client/requests.rs`), a WebSocket is a [`websocket::Wire`] over a [`byte_stream::ByteStream`].

pub(crate) mod byte_stream;
mod masks;
pub(crate) mod websocket;
pub(crate) mod wires;
