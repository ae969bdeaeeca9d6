//! [`TestClient`]: a client in one namespace, as a test sees it.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{AckId, PacketKind, encode, encode_event};

use super::{
    Connect, Expectation, Join, ReceivedEvent,
    expectation::{Failure, QUIET_TIME},
    line::{Connection, Stop},
    seat::{Incoming, Phase, Seat, shown},
};
use crate::{DisconnectReason, Server};

/// A client of a [`Server`] in the same process, without sockets. See the [module](super) for an example.
///
/// A background task answers heartbeats, however long the test does something else, and ends with the client.
/// What is received waits, in order, until it is taken.
///
/// | the client ends by | the server sees |
/// |---|---|
/// | being dropped, [`close_connection`](Self::close_connection): closes the tab | `transport close` |
/// | [`drop_connection`](Self::drop_connection): the cable is cut | `transport error` |
/// | [`fall_silent`](Self::fall_silent): the train enters the tunnel | `ping timeout`, in time |
/// | [`disconnect`](Self::disconnect): leaves the namespace | `client namespace disconnect` |
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::*};
/// # let io = Server::new();
/// io.of("/").on("add", async |Data((a, b)): Data<(i32, i32)>| Ok(a + b));
/// let client = TestClient::connect(&io).await;
/// assert_eq!(client.emit_with_ack::<i32>("add", &(1, 2)).await, 3);
/// # Ok(()) }
/// ```
pub struct TestClient {
    connection: Arc<Connection>,
    seat: Arc<Seat>,
    id: String,
    deadline: Duration,
}

impl TestClient {
    /// How long an [`Expectation`] waits unless it is told otherwise.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

    /// A client that connects to the server and joins the main namespace; await it, or say more before.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// # Ok(()) }
    /// ```
    pub fn connect(io: &Server) -> Connect {
        Connect::new(io)
    }

    pub(super) const fn new(connection: Arc<Connection>, seat: Arc<Seat>, id: String, deadline: Duration) -> Self {
        Self { connection, seat, id, deadline }
    }

    /// Joins one more namespace over the same connection; await it, or say more before.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/chat");
    /// let client = TestClient::connect(&io).await;
    /// let in_chat = client.join("/chat").await;
    /// assert_eq!(in_chat.namespace(), "/chat");
    /// # Ok(()) }
    /// ```
    pub fn join(&self, namespace: &str) -> Join {
        Join::new(self.connection.clone(), namespace, self.deadline)
    }

    /// The same with another deadline for all that it waits for.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await.with_deadline(std::time::Duration::from_secs(60));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The id that the server gave to this socket: its [`Socket::id`](crate::Socket::id).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(io.of("/").sockets()[0].id().as_str(), client.id());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The namespace.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(client.namespace(), "/");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.seat.namespace.as_str()
    }

    /// Whether the client is still in its namespace, as far as it knows.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// assert!(client.is_connected());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.seat.phase(), Phase::Joined(_))
    }

    /// Sends an event: one value, with a tuple several arguments, or none with `()`. It goes out when the test next
    /// waits for something.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/").on("ping", async |socket: Socket| Ok(socket.emit("pong", &())?));
    /// let client = TestClient::connect(&io).await;
    /// client.emit("ping", &());
    /// client.receive::<()>("pong").await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Where the client is disconnected, or the event cannot be sent.
    #[track_caller]
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) {
        self.send(event, None, args);
    }

    /// Sends an event and expects its acknowledgement. The event is sent whether or not the result is awaited.
    ///
    /// A handler of this crate acknowledges when it returns: awaiting `()` here is how a test waits until the server
    /// has handled an event.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/").on("double", async |Data(number): Data<u32>| Ok(2 * number));
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(client.emit_with_ack::<u32>("double", &21).await, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// As [`TestClient::emit`].
    #[track_caller]
    pub fn emit_with_ack<R>(&self, event: &str, args: &(impl Serialize + ?Sized)) -> Expectation<R>
    where
        R: DeserializeOwned + 'static,
    {
        let (id, answer) = self.seat.expect_ack();
        self.send(event, Some(id), args);
        let seat = self.seat.clone();
        let wait = async move {
            let Ok(body) = answer.await else { return Err(seat.until(end_of).await) };
            body.ack_args().map_err(|error| Failure::Arguments(shown(&body), error))
        };
        self.expect(format!("the acknowledgement of {event:?}"), wait)
    }

    #[track_caller]
    fn send<T: Serialize + ?Sized>(&self, event: &str, ack: Option<AckId>, args: &T) {
        if let Phase::Left(reason) = self.seat.phase() {
            panic!("{event:?} cannot be sent: the client is disconnected ({reason})");
        }
        match encode_event(&self.seat.namespace, ack, event, args) {
            Ok(packet) => self.connection.line.send(&packet),
            Err(error) => panic!("{event:?} cannot be sent: {error}"),
        }
    }

    /// Expects an event of that name and takes its arguments: one value, or with a tuple several. Events of other names
    /// are left for later.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("move", &("knight", 3))?;
    /// assert_eq!(client.receive::<(String, u8)>("move").await, ("knight".into(), 3));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn receive<T: DeserializeOwned + 'static>(&self, event: &str) -> Expectation<T> {
        let next = take(self.seat.clone(), Some(event.to_owned()));
        self.expect(format!("the event {event:?}"), async move {
            let Incoming { body, .. } = next.await?;
            body.args().map_err(|error| Failure::Arguments(shown(&body), error))
        })
    }

    /// Expects an event of that name and takes it whole, say to acknowledge it. Events of other names are left for
    /// later.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("news", "all is well")?;
    /// assert_eq!(client.receive_event("news").await.args::<String>(), "all is well");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn receive_event(&self, event: &str) -> Expectation<ReceivedEvent> {
        self.expect_event(Some(event.to_owned()), format!("the event {event:?}"))
    }

    /// Expects an event, and takes the first of those that came.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("news", "all is well")?;
    /// assert_eq!(client.next_event().await.name(), "news");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn next_event(&self) -> Expectation<ReceivedEvent> {
        self.expect_event(None, "any event".to_owned())
    }

    #[track_caller]
    fn expect_event(&self, name: Option<String>, what: String) -> Expectation<ReceivedEvent> {
        let (seat, line) = (self.seat.clone(), self.connection.line.clone());
        self.expect(what, async move {
            let incoming = take(seat.clone(), name).await?;
            Ok(ReceivedEvent::new(incoming, &seat, line))
        })
    }

    /// Expects that no event comes, and that none is left untaken: for 100 ms, or for
    /// [`within`](Expectation::within). Fails where the client is, or gets, disconnected, since it would prove nothing
    /// then.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.except(client.id()).emit("news", "for the others")?;
    /// client.expect_nothing().await;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect_nothing(&self) -> Expectation<()> {
        let seat = self.seat.clone();
        let something = async move {
            Err(seat.until(|seat| end_of(seat).or_else(|| seat.has_events().then_some(Failure::Unexpected))).await)
        };
        self.expect("nothing to come".to_owned(), something).within(QUIET_TIME).passing_with(())
    }

    /// Expects the end: gives the reason as the client sees it. Events that came before can still be taken.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.of("/").disconnect_sockets(false);
    /// assert_eq!(client.disconnected().await, DisconnectReason::IoServerDisconnect);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn disconnected(&self) -> Expectation<DisconnectReason> {
        let seat = self.seat.clone();
        let end = async move {
            Ok(seat.until(|seat| if let Phase::Left(reason) = seat.phase() { Some(reason) } else { None }).await)
        };
        self.expect("the client to be disconnected".to_owned(), end)
    }

    #[track_caller]
    fn expect<T>(
        &self,
        what: String,
        wait: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Expectation<T> {
        Expectation::new(&self.seat, self.deadline, what, wait)
    }

    /// Leaves the namespace. The connection stays, with its other namespaces.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/").on_disconnect(async |why: DisconnectReason| assert_eq!(why.as_str(), "client namespace disconnect"));
    /// let client = TestClient::connect(&io).await;
    /// client.disconnect();
    /// # Ok(()) }
    /// ```
    pub fn disconnect(&self) {
        if self.is_connected() {
            self.connection.line.send(&encode(PacketKind::Disconnect, &self.seat.namespace, None, None));
        }
        self.seat.end(DisconnectReason::IoClientDisconnect);
        self.connection.line.leave_seat(&self.seat);
    }

    /// Closes the connection in good order, with all its namespaces; what was emitted still goes out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/").on_disconnect(async |why: DisconnectReason| assert_eq!(why.as_str(), "transport close"));
    /// let client = TestClient::connect(&io).await;
    /// client.close_connection();
    /// # Ok(()) }
    /// ```
    pub fn close_connection(&self) {
        self.connection.line.stop(Stop::HangUp);
    }

    /// Breaks the connection without a word; what was emitted and has not gone out is lost.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/").on_disconnect(async |why: DisconnectReason| assert_eq!(why.as_str(), "transport error"));
    /// let client = TestClient::connect(&io).await;
    /// client.drop_connection();
    /// # Ok(()) }
    /// ```
    pub fn drop_connection(&self) {
        self.connection.line.stop(Stop::Cut);
    }

    /// Keeps the connection, but reads and sends nothing any more, and answers no pings: the server has to find out. The
    /// client itself notices nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// client.fall_silent();
    /// tokio::time::sleep(std::time::Duration::from_secs(46)).await; // of the paused clock
    /// assert_eq!(io.engine().counters().closed_ping_timeout, 1);
    /// # Ok(()) }
    /// ```
    pub fn fall_silent(&self) {
        self.connection.line.fall_silent();
    }
}

/// The next event of that name, or of any.
async fn take(seat: Arc<Seat>, name: Option<String>) -> Result<Incoming, Failure> {
    let next = |seat: &Seat| {
        // Asked in this order: behind the end nothing comes any more.
        let end = end_of(seat);
        seat.take(name.as_deref()).map(Ok).or(end.map(Err))
    };
    seat.until(next).await
}

/// Why nothing more can come, where that is so.
fn end_of(seat: &Seat) -> Option<Failure> {
    match seat.phase() {
        Phase::Left(reason) => Some(Failure::Ended(reason)),
        _ => None,
    }
}

/// The last client of a connection closes it; another one leaves its namespace.
impl Drop for TestClient {
    fn drop(&mut self) {
        if Arc::strong_count(&self.connection) > 1 {
            self.disconnect();
        }
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("id", &self.id)
            .field("namespace", &self.namespace())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
