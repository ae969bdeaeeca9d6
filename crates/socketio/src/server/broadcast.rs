//! [`Broadcast`]: who gets an event, and the sending of it: encoded once, a reference count a recipient.
//! Rows D55–D57, D76–D80.

use serde::Serialize;
use socketio_proto::encode_event;

use super::{EmitError, Namespace, Socket};

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
}

impl Broadcast {
    pub(super) const fn new(namespace: Namespace) -> Self {
        Self { namespace, rooms: Vec::new(), except: Vec::new() }
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

    /// The selected sockets that are connected now, each once, in no particular order.
    ///
    /// ```
    /// # fn f(io: &socketio::Server) {
    /// let present: Vec<_> = io.of("/").to("lobby").sockets().iter().map(|socket| socket.id().clone()).collect();
    /// # }
    /// ```
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let selected = self.namespace.rooms().select(&self.rooms, &self.except);
        selected.into_iter().filter(|core| core.is_connected()).map(|core| Socket { core }).collect()
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
        let packet = encode_event(self.namespace.wire_name(), None, event, args)?;
        // The handles are copied out under the lock, and sent to without it.
        let sockets = self.namespace.rooms().select(&self.rooms, &self.except);
        for socket in sockets {
            if socket.send(&packet) == Err(EmitError::Full) {
                socket.link.close_for_slowness();
            }
        }
        Ok(())
    }
}
