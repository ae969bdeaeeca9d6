//! What carries bytes. No protocol state lives here: long-polling is a request that waits for its answer
//! (`server/polling.rs`), a WebSocket is a [`websocket::Wire`].

pub(crate) mod websocket;
