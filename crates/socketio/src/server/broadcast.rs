//! [`Broadcast`]: who gets an event, and the sending of it: encoded once, a reference count a recipient.
//! Rows D55–D57, D76–D80.

use std::borrow::Cow;

use super::{
    EmitError, Namespace, Socket,
    outgoing::{Flags, Outgoing},
};
use serde::Serialize;

/// A selection of sockets of one namespace. Each method gives a new selection, so that one can be kept and
/// used again (row D76).
///
/// ```
/// # fn f(io: &socketio::Server) -> Result<(), socketio::EmitError> {
/// let staff = io.of("/").to("admins").to("operators").except("away");
/// staff.emit("alarm", "the door")?; // once to each, also to who is in both rooms
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Broadcast {
    namespace: Namespace,
    rooms: Vec<String>,
    except: Vec<String>,
    flags: Flags,
}

impl Broadcast {
    pub(super) fn new(namespace: Namespace) -> Self {
        Self { namespace, rooms: Vec::new(), except: Vec::new(), flags: Flags::default() }
    }

    /// Adds the sockets in that room: several rooms are a union. A socket's id is the name of a room that
    /// holds just that socket (row D40).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(mut self, room: impl AsRef<str>) -> Self {
        self.rooms.push(room.as_ref().to_owned());
        self
    }

    /// Leaves out the sockets in that room (row D78).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(mut self, room: impl AsRef<str>) -> Self {
        self.except.push(room.as_ref().to_owned());
        self
    }

    /// Whether the event may be compressed; see [`Socket::compress`] (row D54).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn compress(mut self, compress: bool) -> Self {
        self.flags.compress = compress;
        self
    }

    /// The selected sockets that are connected now, each once, in no particular order.
    ///
    /// ```
    /// # fn f(io: &socketio::Server) {
    /// let present: Vec<_> = io.of("/").to("lobby").sockets().iter().map(|socket| socket.id().clone()).collect();
    /// # }
    /// ```
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        for namespace in self.namespace.members() {
            let selected = namespace.rooms().select(&self.rooms, &self.except);
            sockets.extend(selected.into_iter().filter(|core| core.is_connected()).map(|core| Socket { core }));
        }
        sockets
    }

    /// Sends an event to each selected socket once, in no particular order of sockets; to each it keeps its
    /// place among everything else that is sent to that socket.
    ///
    /// A client that reads so slowly that its queue is full is disconnected as `transport error`, rather
    /// than left with a hole in its events.
    ///
    /// # Errors
    /// [`EmitError::Encode`]; then nobody got it.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        for namespace in self.namespace.members() {
            let event = Outgoing::new(&namespace, None, event, args)?;
            self.deliver(&namespace, &event);
        }
        Ok(())
    }

    /// Sends an event to the selected sockets of this server.
    fn deliver(&self, namespace: &Namespace, event: &Outgoing) {
        let packet = event.packet(namespace, None);
        let packet = self.flags.apply(&packet);
        // The handles are copied out under the lock, and sent to without it.
        let sockets = namespace.rooms().select(&self.rooms, &self.except);
        let deflates = namespace.environment().config.engine.per_message_deflate.is_some();
        let packet = if deflates && sockets.len() > 1 { Cow::Owned(packet.shared()) } else { packet };
        for socket in sockets {
            event.show_to(&socket);
            if socket.send(&packet, Flags::default()) == Err(EmitError::Full) {
                socket.link.close_for_slowness();
            }
        }
    }
}
