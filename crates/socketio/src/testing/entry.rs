//! How a client comes in: [`Connect`] by a connection of its own, [`Join`] into one more namespace over one that is
//! there; and [`Refusal`], where the server does not want it. [SIO5 Connection to a namespace]

use std::{fmt, future::IntoFuture, net::SocketAddr, sync::Arc, time::Duration};

use engineio::PeerAddr;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use socketio_proto::{Body, Encoded, PacketKind, encode};

use super::{
    Expectation, TestClient,
    expectation::Failure,
    line::{Connection, Line},
    seat::{Phase, Seat},
    wire::Wire,
};
use crate::Server;

/// Why the server refused a client.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::*};
/// # let io = Server::new();
/// io.of("/").middleware(async || Err::<(), _>(HandlerError::new("not today")));
/// let refusal = TestClient::connect(&io).expect_refused().await;
/// assert_eq!((refusal.message.as_str(), refusal.status), ("not today", None));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The message.
    #[serde(default)]
    pub message: String,
    /// What the server's code sent along.
    #[serde(default)]
    pub data: Option<Value>,
    /// The status of the HTTP answer, where it came to no session: by `allow_request`, for one. `None` where a
    /// namespace refused, with a CONNECT_ERROR.
    #[serde(skip)]
    pub status: Option<StatusCode>,
}

impl Refusal {
    /// Reads the payload of a CONNECT_ERROR; one that is just a text is the message.
    pub(super) fn read(body: &Body) -> Self {
        let message = || body.data().unwrap_or_else(|_| body.json().to_string());
        body.data().unwrap_or_else(|_| Self { message: message(), data: None, status: None })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {:?}", self.message)?;
        if let Some(data) = &self.data {
            write!(f, " and the data {data}")?;
        }
        self.status.map_or(Ok(()), |status| write!(f, " and the HTTP status {}", status.as_u16()))
    }
}

/// A client on its way in, by a connection of its own; await it to be let in.
///
/// ```
/// # use std::time::Duration;
/// # use socketio::{Auth, HandlerError, Server, testing::TestClient};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let io = Server::new();
/// # io.of("/chat").on_connect(async |Auth(name): Auth<Option<Name>>| {
/// #     name.map(|_| ()).ok_or_else(|| HandlerError::new("who are you?"))
/// # });
/// # #[derive(serde::Deserialize)]
/// # struct Name { #[expect(dead_code)] name: String }
/// let client = TestClient::connect(&io)
///     .namespace("/chat")
///     .auth(&serde_json::json!({ "name": "Ada" }))
///     .header("authorization", "Bearer abc")
///     .query("token", "x y")
///     .await;
/// let refusal = TestClient::connect(&io).namespace("/chat").expect_refused().await;
/// assert_eq!(refusal.message, "who are you?");
/// # }
/// ```
#[must_use = "await it to connect"]
#[derive(Debug)]
pub struct Connect {
    io: Server,
    namespace: String,
    auth: Option<Body>,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    peer: Option<SocketAddr>,
    deadline: Duration,
}

impl Connect {
    pub(super) fn new(io: &Server) -> Self {
        let (namespace, headers, deadline) = ("/".to_owned(), HeaderMap::new(), TestClient::DEFAULT_DEADLINE);
        Self { io: io.clone(), namespace, auth: None, headers, query: Vec::new(), peer: None, deadline }
    }

    /// Joins that namespace instead of the main one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/chat");
    /// let client = TestClient::connect(&io).namespace("/chat").await;
    /// # Ok(()) }
    /// ```
    pub fn namespace(self, name: &str) -> Self {
        Self { namespace: name.to_owned(), ..self }
    }

    /// What the server reads with [`Auth`](crate::Auth).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/").on_connect(async |Auth(age): Auth<std::collections::BTreeMap<String, u8>>| assert_eq!(age["age"], 36));
    /// let client = TestClient::connect(&io).auth(&serde_json::json!({ "age": 36 })).await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Where the value is no JSON object.
    #[track_caller]
    pub fn auth<T: Serialize + ?Sized>(self, auth: &T) -> Self {
        Self { auth: Some(auth_body(auth)), ..self }
    }

    /// One more header, on every request.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).header("x-key", "abc").await;
    /// assert_eq!(io.of("/").sockets()[0].handshake().request.headers["x-key"], "abc");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Where HTTP does not allow the name or the value.
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => self.headers.append(name, value),
            _ => panic!("{name:?}: {value:?} is no header of HTTP"),
        };
        self
    }

    /// One more parameter of the query, which is escaped as needed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).query("page", "7").await;
    /// assert_eq!(io.of("/").sockets()[0].handshake().query()["page"], "7");
    /// # Ok(()) }
    /// ```
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The address that the client seems to come from; without, it has none.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 4711));
    /// let client = TestClient::connect(&io).peer_addr(peer).await;
    /// assert_eq!(io.of("/").sockets()[0].handshake().request.peer, Some(peer));
    /// # Ok(()) }
    /// ```
    pub fn peer_addr(self, peer: SocketAddr) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// How long this client waits for anything, its way in included; default 5 s.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).deadline(std::time::Duration::from_secs(60)).await;
    /// # Ok(()) }
    /// ```
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Expects the server to say no, before the session or to the namespace.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// io.of("/").middleware(async || Err::<(), _>(HandlerError::new("not today")));
    /// assert_eq!(TestClient::connect(&io).expect_refused().await.message, "not today");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect_refused(self) -> Expectation<Refusal> {
        self.entry().refused()
    }

    #[track_caller]
    fn entry(self) -> Entry {
        let path = self.io.config().engine.path.trim_end_matches('/').to_owned();
        let protocol = [("EIO", "4"), ("transport", "polling")];
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(protocol).extend_pairs(&self.query).finish();
        let mut head = Request::new(());
        *head.uri_mut() = match format!("{path}/?{query}").parse() {
            Ok(uri) => uri,
            Err(error) => panic!("the server's path {path:?} makes no URI: {error}"),
        };
        *head.headers_mut() = self.headers;
        if let Some(peer) = self.peer {
            head.extensions_mut().insert(PeerAddr(peer));
        }
        Entry::new(Door::New(self.io, Box::new(head)), &self.namespace, self.auth.as_ref(), self.deadline)
    }
}

impl IntoFuture for Connect {
    type Output = TestClient;
    type IntoFuture = Expectation<TestClient>;

    #[track_caller]
    fn into_future(self) -> Expectation<TestClient> {
        self.entry().let_in()
    }
}

/// A client on its way into one more namespace over the connection that it has; await it to be let in.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::*};
/// # let io = Server::new();
/// io.of("/chat");
/// let client = TestClient::connect(&io).await;
/// let in_chat = client.join("/chat").auth(&serde_json::json!({ "name": "Ada" })).await;
/// # Ok(()) }
/// ```
#[must_use = "await it to join"]
#[derive(Debug)]
pub struct Join {
    connection: Arc<Connection>,
    namespace: String,
    auth: Option<Body>,
    deadline: Duration,
}

impl Join {
    pub(super) fn new(connection: Arc<Connection>, namespace: &str, deadline: Duration) -> Self {
        Self { connection, namespace: namespace.to_owned(), auth: None, deadline }
    }

    /// What the server reads with [`Auth`](crate::Auth).
    ///
    /// # Panics
    /// Where the value is no JSON object.
    #[track_caller]
    pub fn auth<T: Serialize + ?Sized>(self, auth: &T) -> Self {
        Self { auth: Some(auth_body(auth)), ..self }
    }

    /// Expects the server to say no. The connection stays, and may ask again.
    #[track_caller]
    pub fn expect_refused(self) -> Expectation<Refusal> {
        self.entry().refused()
    }

    fn entry(self) -> Entry {
        Entry::new(Door::Existing(self.connection), &self.namespace, self.auth.as_ref(), self.deadline)
    }
}

impl IntoFuture for Join {
    type Output = TestClient;
    type IntoFuture = Expectation<TestClient>;

    #[track_caller]
    fn into_future(self) -> Expectation<TestClient> {
        self.entry().let_in()
    }
}

#[track_caller]
fn auth_body<T: Serialize + ?Sized>(auth: &T) -> Body {
    Body::connect(auth).unwrap_or_else(|error| panic!("this cannot be sent as an auth payload: {error}"))
}

/// A CONNECT to a namespace that is to be made.
struct Entry {
    door: Door,
    connect: Encoded,
    seat: Arc<Seat>,
    deadline: Duration,
}

enum Door {
    New(Server, Box<Request<()>>),
    Existing(Arc<Connection>),
}

impl Entry {
    fn new(door: Door, namespace: &str, auth: Option<&Body>, deadline: Duration) -> Self {
        let seat = Arc::new(Seat::new(namespace));
        Self { door, connect: encode(PacketKind::Connect, &seat.namespace, None, auth), seat, deadline }
    }

    #[track_caller]
    fn let_in(self) -> Expectation<TestClient> {
        let (seat, deadline) = (self.seat.clone(), self.deadline);
        let what = format!("the client to be let into {}", seat.namespace);
        Expectation::new(&seat, deadline, what, self.enter())
    }

    #[track_caller]
    fn refused(self) -> Expectation<Refusal> {
        let (seat, deadline) = (self.seat.clone(), self.deadline);
        let what = format!("the client to be refused by {}", seat.namespace);
        Expectation::new(&seat, deadline, what, async move {
            match self.enter().await {
                Err(Failure::Refused(refusal)) => Ok(refusal),
                Err(failure) => Err(failure),
                Ok(_) => Err(Failure::LetIn),
            }
        })
    }

    async fn enter(self) -> Result<TestClient, Failure> {
        let Self { door, connect, seat, deadline } = self;
        let connection = match door {
            Door::New(io, head) => open(io, *head).await.map_err(Failure::Refused)?,
            Door::Existing(connection) => connection,
        };
        if !connection.line.take_seat(&seat) {
            return Err(Failure::AlreadyIn);
        }
        connection.line.send(&connect);
        let verdict = seat.until(|seat| match seat.phase() {
            Phase::Joining => None,
            Phase::Joined(id) => Some(Ok(id)),
            Phase::Refused(refusal) => Some(Err(Failure::Refused(refusal))),
            Phase::Left(reason) => Some(Err(Failure::Ended(reason))),
        });
        let id = verdict.await?;
        Ok(TestClient::new(connection, seat, id, deadline))
    }
}

/// A connection of its own, with the task that carries it.
async fn open(io: Server, head: Request<()>) -> Result<Arc<Connection>, Refusal> {
    let line = Arc::<Line>::default();
    let wire = Wire::open(io, head, line.clone()).await?;
    tokio::spawn(wire.run());
    Ok(Arc::new(Connection { line }))
}
