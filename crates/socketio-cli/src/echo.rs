//! The namespace `/echo`: every event goes back to who sent it, unread. With an acknowledgement asked for it is the
//! acknowledgement, otherwise an event of the same name. [SIO5 Event, Acknowledgement]

use socketio::{AckSender, EmitError, Namespace, RawEvent, Socket};

/// Gives the namespace its one handler.
pub(crate) fn serve(namespace: Namespace) {
    namespace.on_fallback(async |socket: Socket, RawEvent(event): RawEvent, ack: Option<AckSender>| {
        let sent = match ack {
            Some(ack) => ack.send_raw(&event),
            None => socket.emit_raw(&event),
        };
        if sent == Err(EmitError::Full) {
            // Who sends without reading is not owed an echo with holes.
            tracing::debug!(socket = %socket.id(), "the client does not read what is sent back: it is disconnected");
            socket.abort_connection();
        }
    });
}
