//! [`RemoteSocket`]: a socket of any server of the cluster, as it was when it was asked for (rows D85, D86), and
//! [`HandshakeDetails`], how its client came. What is done to it is done by a broadcast to the room of its id.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use socketio_cluster::SocketDetails;
use socketio_proto::ArgumentError;

use super::{AckError, Broadcast, EmitError, Handshake, Incomplete, Namespace, Socket, socket::Slot};

/// A socket of this server or another one, from [`Broadcast::fetch_sockets`](super::Broadcast::fetch_sockets).
///
/// What it says is from the moment of the question; what it is told to do reaches it wherever it is by then.
///
/// ```
/// # async fn f(io: socketio::Server) -> Result<(), Box<dyn std::error::Error>> {
/// for socket in io.of("/").to("lobby").fetch_sockets().await? {
///     println!("{} came from {}", socket.id(), socket.handshake()?.address);
///     socket.emit("move", &"hall")?;
///     socket.join(["hall"]);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RemoteSocket {
    namespace: Namespace,
    details: SocketDetails,
}

/// How the client of a socket came, as servers tell each other (row D41). Fields that a server of another kind leaves
/// out are empty.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
/// let details = socket.handshake().details();
/// assert_eq!(serde_json::to_value(&details)?["secure"], false);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HandshakeDetails {
    /// The headers of the first request; several of one name are joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// When the client joined the namespace, in words.
    pub time: String,
    /// The same in milliseconds since 1970.
    pub issued: u64,
    /// The address of the direct peer, without its port.
    pub address: String,
    /// Whether the request named an origin.
    pub xdomain: bool,
    /// Whether the connection is encrypted, as far as the server can know.
    pub secure: bool,
    /// Path and query of the first request.
    pub url: String,
    /// Its query, decoded.
    pub query: BTreeMap<String, String>,
    /// The payload of the CONNECT; an empty object where there was none.
    pub auth: serde_json::Value,
}

impl RemoteSocket {
    pub(super) const fn new(namespace: Namespace, details: SocketDetails) -> Self {
        Self { namespace, details }
    }

    /// Its id.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// assert_eq!(remote.id(), client.id());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.details.id
    }

    /// The rooms that it was in, without the one of its own id.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.join("lobby");
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// assert_eq!(remote.rooms(), ["lobby"]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn rooms(&self) -> Vec<&str> {
        self.details.rooms.iter().map(String::as_str).filter(|room| *room != self.id()).collect()
    }

    /// How its client came.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// assert!(!remote.handshake()?.secure);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where the other server describes it in a way that cannot be read.
    pub fn handshake(&self) -> Result<HandshakeDetails, ArgumentError> {
        self.details.handshake.ack_args()
    }

    /// What [`Socket::set_data`](super::Socket::set_data) has kept there; `None` where nothing was.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.set_data(7);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// assert_eq!(remote.data::<u32>()?, Some(7));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where it is of another type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<Option<T>, ArgumentError> {
        // What a socket without data has in the reference.
        if self.details.data.json().as_str() == "[{}]" { Ok(None) } else { self.details.data.ack_args() }
    }

    fn itself(&self) -> Broadcast {
        self.namespace.to(self.id())
    }

    /// Sends it an event.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// remote.emit("hello", "you")?;
    /// assert_eq!(client.receive::<String>("hello").await, "you");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Broadcast::emit`](super::Broadcast::emit).
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.itself().emit(event, args)
    }

    /// Sends it an event and waits for its one answer (row D86).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// let asked = remote.emit_with_ack::<u8>(std::time::Duration::from_secs(5), "age?", &());
    /// let (age, ()) = tokio::join!(asked, async { client.receive_event("age?").await.ack(&36) });
    /// assert_eq!(age?, 36);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`AckError::Timeout`] where none came in that time, [`AckError::Disconnected`] where the socket is gone, and
    /// what keeps the event from being sent.
    pub async fn emit_with_ack<R: DeserializeOwned>(
        &self,
        timeout: Duration,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<R, AckError> {
        let answers = self.itself().timeout(timeout).emit_with_ack::<R>(event, args)?;
        // Only one can come: servers without the socket are not waited for when it has.
        let Incomplete { mut answers, unreadable, timed_out, .. } = answers.first().await;
        match (answers.pop(), unreadable) {
            (Some(answer), _) => Ok(answer),
            (None, Some(error)) => Err(AckError::Answer(error)),
            (None, None) if timed_out => Err(AckError::Timeout),
            (None, None) => Err(AckError::Disconnected),
        }
    }

    /// Lets it join rooms.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// remote.join(["lobby"]);
    /// assert_eq!(io.of("/").room_len("lobby"), 1);
    /// # Ok(()) }
    /// ```
    pub fn join(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.itself().sockets_join(rooms);
    }

    /// Lets it leave rooms.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// remote.leave(["lobby"]);
    /// # Ok(()) }
    /// ```
    pub fn leave(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.itself().sockets_leave(rooms);
    }

    /// Disconnects it; with `close`, its whole connection.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let remote = io.of("/").fetch_sockets().await?.remove(0);
    /// remote.disconnect(true);
    /// client.disconnected().await;
    /// # Ok(()) }
    /// ```
    pub fn disconnect(&self, close: bool) {
        self.itself().disconnect_sockets(close);
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket").field("id", &self.id()).field("rooms", &self.rooms()).finish_non_exhaustive()
    }
}

/// A socket of this server, as another one sees it; `None` where what belongs to it has no JSON form.
pub(super) fn details(socket: &Socket) -> Option<SocketDetails> {
    let own_room = [socket.id().as_str().to_owned()];
    let rooms = own_room.into_iter().chain(socket.rooms().iter().map(|room| room.to_string())).collect();
    // How it becomes JSON is the application's code, and another server's question must not take this one down (R25).
    let json =
        |slot: Slot| socket.namespace().environment().guard("the serialisation of a socket's data", || slot.json());
    let data = socket.core.data_slot().and_then(json).flatten().unwrap_or_else(|| serde_json::json!({}));
    let made = SocketDetails::new(socket.id().as_str(), rooms, &socket.handshake().details(), &data);
    made.inspect_err(|error| tracing::warn!(%error, "a socket cannot be described to other servers")).ok()
}

impl Handshake {
    /// How the client came, in the form in which servers tell each other (row D41).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// assert!(!socket.handshake().details().xdomain); // no page of another origin
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn details(&self) -> HandshakeDetails {
        let request = &self.request;
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in request.headers.pairs() {
            let value = String::from_utf8_lossy(value);
            let entry = headers.entry(name.to_owned()).or_default();
            if !entry.is_empty() {
                entry.push_str(", ");
            }
            entry.push_str(&value);
        }
        let issued = self.time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        HandshakeDetails {
            xdomain: headers.contains_key(http::header::ORIGIN.as_str()),
            headers,
            time: httpdate::fmt_http_date(self.time),
            issued: u64::try_from(issued.as_millis()).unwrap_or(u64::MAX),
            address: request.peer.map(|peer| peer.ip().to_string()).unwrap_or_default(),
            secure: request.secure,
            url: request.uri.to_string(),
            query: self.query(),
            auth: self.public_auth(),
        }
    }

    /// The payload of the CONNECT, without the private id of a client that comes back: that is for nobody else
    /// (hazard S1).
    pub(super) fn public_auth(&self) -> serde_json::Value {
        let auth = self.auth.as_ref().and_then(|auth| auth.data().ok());
        let mut auth = auth.unwrap_or_else(|| serde_json::json!({}));
        if let Some(auth) = auth.as_object_mut() {
            auth.remove("pid");
        }
        auth
    }

    /// The query of the first request, decoded; of a repeated key the last value counts.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).query("page", "7").await;
    /// assert_eq!(io.of("/").sockets()[0].handshake().query()["page"], "7");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn query(&self) -> BTreeMap<String, String> {
        let query = self.request.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
}
