//! [`ReceivedEvent`]: an event that the server sent, with the means to acknowledge it.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{AckId, Body, Namespace, encode_ack};

use super::{
    line::Line,
    seat::{Incoming, Seat, shown},
};

/// An event that the server sent to a [`TestClient`](super::TestClient).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::*};
/// # let io = Server::new();
/// let client = TestClient::connect(&io).await;
/// let sure = io.of("/").sockets()[0].emit_with_ack::<bool>("sure?", &());
/// client.receive_event("sure?").await.ack(&true);
/// assert!(sure.await?);
/// # Ok(()) }
/// ```
pub struct ReceivedEvent {
    name: String,
    body: Body,
    ack: Option<AckId>,
    namespace: Namespace,
    line: Arc<Line>,
}

impl ReceivedEvent {
    pub(super) fn new(incoming: Incoming, seat: &Seat, line: Arc<Line>) -> Self {
        let Incoming { body, ack } = incoming;
        let name = body.event_name().unwrap_or_default().into_owned();
        Self { name, body, ack, namespace: seat.namespace.clone(), line }
    }

    /// The name.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("news", "all is well")?;
    /// let event = client.next_event().await;
    /// assert_eq!(event.name(), "news");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name, arguments and attachments as they came.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("news", "all is well")?;
    /// let event = client.next_event().await;
    /// assert_eq!(event.body().arg_count(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The arguments: one value, or with a tuple several.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("news", "all is well")?;
    /// let event = client.next_event().await;
    /// assert_eq!(event.args::<String>(), "all is well");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Where they do not fit.
    #[track_caller]
    #[must_use]
    pub fn args<T: DeserializeOwned>(&self) -> T {
        let read = self.body.args();
        read.unwrap_or_else(|error| panic!("the event {} does not fit: {error}", shown(&self.body)))
    }

    /// Whether the server asked for an acknowledgement.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("news", "all is well")?;
    /// let event = client.next_event().await;
    /// assert!(!event.wants_ack());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn wants_ack(&self) -> bool {
        self.ack.is_some()
    }

    /// Acknowledges the event: one value, or with a tuple several. Where the client is disconnected by now, nothing
    /// happens.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// let age = io.of("/").sockets()[0].emit_with_ack::<u8>("age?", &());
    /// client.receive_event("age?").await.ack(&36);
    /// assert_eq!(age.await?, 36);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Where the server did not ask for it, or `args` has no JSON form.
    #[track_caller]
    pub fn ack<T: Serialize + ?Sized>(self, args: &T) {
        let Some(id) = self.ack else { panic!("the server asked for no acknowledgement of {}", shown(&self.body)) };
        match encode_ack(&self.namespace, id, args) {
            Ok(packet) => self.line.send(&packet),
            Err(error) => panic!("the acknowledgement of {} cannot be sent: {error}", shown(&self.body)),
        }
    }
}

impl fmt::Debug for ReceivedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedEvent").field("body", &self.body).field("ack", &self.ack).finish_non_exhaustive()
    }
}
