//! [`leave`]: how a client goes, so that nothing of what it sent is lost on the other side.

use std::time::Duration;

use socketio::client::Client;
use tokio::time::{sleep, timeout};

/// How long the server may take to let go of the connection.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Between the last event that nobody acknowledges and the good-bye. The reference server hands an event over one turn of its
/// loop after it has read it, and not at all where the good-bye was in the same read; nothing in the protocol says that
/// an event was handled, so there is nothing to wait for.
const PAUSE: Duration = Duration::from_millis(100);

/// Disconnects, after what was sent has left and the server had time to take it; `is_known_to_be_handled` where that is known.
pub(crate) async fn leave(client: &Client, is_known_to_be_handled: bool) {
    let session = client.engine();
    if session.is_some() && !is_known_to_be_handled {
        let _ = timeout(CLOSE_TIMEOUT, client.flushed()).await;
        sleep(PAUSE).await;
    }
    client.close();
    if let Some(session) = session {
        // A server that does not let go is left alone.
        let _ = timeout(CLOSE_TIMEOUT, session.closed()).await;
    }
}
