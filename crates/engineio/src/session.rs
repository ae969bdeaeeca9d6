//! [`Session`]: the application's handle on a session, and [`Request`], the HTTP request that opened it.

use std::{fmt, future::Future, net::SocketAddr, sync::Arc, task::Context, task::Poll};

use engineio_proto::{
    CloseMode, Closed, Message, MessageFrame, MessageGroup, Revision, SendError, SendOptions, Sent, SessionId,
    TransportKind,
};
use http::{Extensions, Uri};

use crate::{
    headers::Headers,
    opening::Opening,
    shared::Shared,
    waiting::{Leaving, Ready, SendWhenReady},
};

/// The HTTP request that opened a session (row A57).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
/// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
/// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
/// # let _: http::Response<Body> = engine.handle(opening).await;
/// # let session = sessions.recv().await.ok_or("no session")?;
/// assert_eq!(session.request().uri.path(), "/engine.io/");
/// assert_eq!(session.request().peer, None); // no listener told it
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Path and query, as received.
    pub uri: Uri,
    /// The headers, as received.
    pub headers: Headers,
    /// The address of the direct peer, where the listener tells it: through a [`PeerAddr`] in the request's
    /// extensions. Behind a proxy this is the proxy (row D46).
    pub peer: Option<SocketAddr>,
    /// Whether the request came over TLS, as far as this server can know: by a [`SecureTransport`] in the request's
    /// extensions, or else by the scheme that HTTP/2 tells (row D41). Behind a proxy that speaks TLS for this server,
    /// and only there, a [`Middleware`](crate::Middleware) may go by `X-Forwarded-Proto`.
    pub secure: bool,
    /// What layers and [`Middleware`](crate::Middleware)s put into the request's extensions: a user, a span. They are
    /// kept as long as the session, with the memory that they hold; [`Session::forget_request`] gives it back.
    pub extensions: Extensions,
}

/// The direct peer of a request. The stand-alone listener puts it into the request's extensions; under
/// another HTTP server a middleware may.
///
/// ```
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(engineio::PeerAddr(([192, 0, 2, 1], 4711).into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Whether a request came over TLS. Who serves TLS in front of the engine puts it into the request's extensions (row
/// D41); it goes before what the request itself says.
///
/// ```
/// use engineio::{Config, Middleware, SecureTransport};
///
/// let mut config = Config::default();
/// // This server stands behind a proxy that speaks TLS and sets the header itself.
/// config.middlewares.push(Middleware::new(|mut exchange| async move {
///     let secure = exchange.request.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
///     exchange.request.extensions.insert(SecureTransport(secure));
///     Ok(exchange)
/// }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecureTransport(pub bool);

/// A handle on a session; cloning it costs a reference count. Dropping all handles does not close the
/// session: returning from the application's function does.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
/// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
/// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
/// # let _: http::Response<Body> = engine.handle(opening).await;
/// # let session = sessions.recv().await.ok_or("no session")?;
/// session.send("hello")?;
/// session.send(bytes::Bytes::from_static(b"\x01\x02"))?;
/// session.close(CloseMode::Graceful);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
}

impl Session {
    /// The session's id: a secret between this server and this client (hazard S45).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// assert_eq!(session.id().expose().len(), 20); // `Debug` does not show it
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.shared.id
    }

    /// The HTTP request that opened the session (row A57).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// let agent = session.request().headers.get("user-agent").cloned();
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn request(&self) -> Arc<Request> {
        self.shared.lock().opening.look()
    }

    /// Gives back the memory of the request that opened the session, a few kilobytes with browsers (row A60): from
    /// now on [`Session::request`] gives one without headers, address and extensions.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// session.forget_request();
    /// assert!(session.request().headers.is_empty());
    /// # Ok(()) }
    /// ```
    pub fn forget_request(&self) {
        let forgotten = std::mem::replace(&mut self.shared.lock().opening, Opening::Forgotten);
        // What is in its extensions is the application's, whose destructors run under no lock.
        drop(forgotten);
    }

    /// Has the application's function run once more, as a waker that it was polled with would. For those who have left
    /// something for it where they share it, and would else keep a waker for that.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// use std::{future::poll_fn, sync::atomic::{AtomicU32, Ordering}, task::Poll};
    /// static RUNS: AtomicU32 = AtomicU32::new(0);
    /// let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// let engine = Engine::new(Config::default(), move |session| {
    ///     let _ = give.send(session);
    ///     poll_fn(|_| if RUNS.fetch_add(1, Ordering::Relaxed) == 1 { Poll::Ready(()) } else { Poll::Pending })
    /// });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// tokio::task::yield_now().await; // it is run for the first time, and waits
    /// session.run_again();
    /// session.closed().await; // it has ended
    /// # Ok(()) }
    /// ```
    pub fn run_again(&self) {
        self.shared.run_application_again();
    }

    /// What carries messages now; `None` once the session is over.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// assert_eq!(session.transport(), Some(TransportKind::Polling));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.shared.transport()
    }

    /// The revision of the protocol that the client speaks, the same for all of the session (row A57). It is the
    /// third only where [`Config::allow_eio3`](crate::Config::allow_eio3) is set.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// assert_eq!(session.revision(), Revision::V4);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.revision()
    }

    /// Queues a message; never waits.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// session.send("hello")?;
    /// assert!(session.queued_bytes() > 0); // nobody polls yet
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is closing or over, [`SendError::Full`] at `max_queue_bytes`, or while
    /// somebody [waits](Session::send_when_ready) for room: the message was not queued.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_with(MessageFrame::from(&message.into()), SendOptions::KEPT).map(drop)
    }

    /// Whether the session began on long-polling and has moved to a WebSocket (row A57).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// assert!(!session.has_upgraded());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn has_upgraded(&self) -> bool {
        self.shared.lock().upgraded
    }

    /// Waits for the move to a WebSocket (the reference's `upgrade`, row A56): true once it has happened, false once
    /// the session is over without it. A session that began on a WebSocket does not move.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// session.close(CloseMode::Discard);
    /// assert!(!session.upgraded().await); // it is over without that
    /// # Ok(()) }
    /// ```
    pub async fn upgraded(&self) -> bool {
        self.shared.upgraded().await
    }

    /// Queues messages that were framed before, next to each other and all or none: the way to send the
    /// same to many, what must not be torn apart, or what is not to be compressed ([`MessageFrame::uncompressed`]).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// let hello = MessageFrame::from(&Message::from("hello")); // framed once, for as many sessions as there are
    /// session.send_frames(&[hello.clone()])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_frames(&self, frames: &[MessageFrame]) -> Result<(), SendError> {
        self.send_with(frames, SendOptions::KEPT).map(drop)
    }

    /// [`Session::send_frames`] for messages that may be dropped, now or later; says what became of them (rows D53,
    /// J1). What is to be done where this gives [`SendError::Full`] is the caller's choice: to drop the message, to
    /// [wait](Session::send_when_ready), or to [close](Session::close).
    ///
    /// # Errors
    /// As [`Session::send`].
    ///
    /// ```
    /// use engineio::{Config, MessageFrame, SendError, SendOptions, Sent, Session, WhenFull};
    ///
    /// let mut config = Config::default();
    /// config.limits.when_full = WhenFull::DropOldest;
    ///
    /// /// Who reads slowly misses prices, but gets the newest.
    /// fn price(session: &Session, price: &MessageFrame, missed: &mut u32) -> Result<(), SendError> {
    ///     if let Sent::Queued { dropped } = session.send_with(std::slice::from_ref(price), SendOptions::DROPPABLE)? {
    ///         *missed += dropped;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn send_with<'a>(&self, frames: impl Into<MessageGroup<'a>>, options: SendOptions) -> Result<Sent, SendError> {
        self.shared.send(frames.into(), options)
    }

    /// Sends messages if they can leave at once, all or none; `false` says that they were dropped (row D53). They can
    /// where nothing is queued and the transport waits for something to do: a GET is parked, or the WebSocket has
    /// written all that it was given. So of several sent in one go only the first one leaves.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// let position = MessageFrame::from(&Message::from("12,34"));
    /// assert!(!session.send_volatile(&[position])?); // no poll waits: dropped
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is closing or over.
    pub fn send_volatile(&self, frames: &[MessageFrame]) -> Result<bool, SendError> {
        self.send_with(frames, SendOptions::VOLATILE).map(Sent::is_queued)
    }

    /// Waits until there is room in the queue, and queues messages as [`Session::send_frames`] does. Under
    /// [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) older messages may be dropped instead of waiting.
    ///
    /// Those who wait are served in the order in which they came, at the moment in which there is room. While somebody
    /// waits, sending without waiting gives [`SendError::Full`], even something small: so nobody waits for ever beside
    /// a client that reads. Only what takes no room from those who wait passes them: what may be dropped again under
    /// `DropOldest`, and what is [exempt](SendOptions::exempt). What is volatile is dropped.
    ///
    /// Cancel-safe: dropped before it is done, it has either queued nothing, or the messages are on their way because
    /// there was room just then.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// let line = MessageFrame::from(&Message::from("a line of many"));
    /// session.send_when_ready(&[line]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is closing or over, or becomes so before there is room; never
    /// [`SendError::Full`].
    pub async fn send_when_ready(&self, frames: &[MessageFrame]) -> Result<Sent, SendError> {
        SendWhenReady::new(&self.shared, frames).await.map(|(sent, _)| sent)
    }

    /// Waits until there is room in the queue, queues messages, and waits until they have left: in the answer to a GET,
    /// or written to the WebSocket's connection (rows A59, J2). Whether the client has read them is for its answer to
    /// say. Sending in a loop with this goes as fast as the client reads.
    ///
    /// Waits for room in the line of [`Session::send_when_ready`], and is as cancel-safe; dropped later, the messages
    /// stay on their way.
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is closing or over, or is over before they were written, which leaves
    /// open how much of them the client has got. Never [`SendError::Full`].
    ///
    /// ```
    /// # use engineio::{MessageFrame, SendError, Session};
    /// # async fn send(session: Session, pieces: Vec<Vec<u8>>) -> Result<(), SendError> {
    /// for piece in pieces {
    ///     session.send_flushed(&[MessageFrame::binary(&piece)]).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_flushed(&self, frames: &[MessageFrame]) -> Result<(), SendError> {
        let (_, mark) = SendWhenReady::new(&self.shared, frames).await?;
        Leaving::new(&self.shared, mark).await
    }

    /// Waits until everything that was sent before this call has left, or was dropped to make room (row A59).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// session.send("bye")?;
    /// # let poll = format!("/engine.io/?EIO=4&transport=polling&sid={}", session.id().expose());
    /// # let _: http::Response<Body> = engine.handle(http::Request::get(poll).body(String::new())?).await;
    /// session.flushed().await?; // a poll has taken it
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is over before that.
    pub fn flushed(&self) -> impl Future<Output = Result<(), SendError>> + Send + '_ {
        let mark = self.shared.lock().session.sent_mark();
        Leaving::new(&self.shared, mark)
    }

    /// Waits until half of `max_queue_bytes` is free and nobody waits in [`Session::send_when_ready`]. What is sent then
    /// without waiting may find that others were faster.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// session.ready().await?;
    /// session.send("there is room")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is closing or over, or becomes so meanwhile.
    pub async fn ready(&self) -> Result<(), SendError> {
        Ready::new(&self.shared).await
    }

    /// Bytes that were sent and wait for the client (row D63).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// assert_eq!(session.queued_bytes(), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared.lock().session.queued_bytes()
    }

    /// The next message in order; `None` once the session is over and all messages were taken.
    ///
    /// One receiver at a time: a session that is received from in two places wakes one of them. Until a
    /// message is taken, nothing more is read from the client.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// session.close(CloseMode::Discard);
    /// assert!(session.recv().await.is_none());
    /// # Ok(()) }
    /// ```
    pub async fn recv(&self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`Session::recv`] for a future written by hand.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// let message = std::future::poll_fn(|cx| session.poll_recv(cx));
    /// # session.close(CloseMode::Discard);
    /// assert!(message.await.is_none()); // the session is over
    /// # Ok(()) }
    /// ```
    pub fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        self.shared.poll_recv(cx)
    }

    /// Whether a part of a message is here and the rest on its way: what waits for a message can wait a little longer. Who lets
    /// it trickle in is gone with the heartbeat (hazard R16).
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        self.shared.lock().receiving
    }

    /// Closes the session as `forced close`; does nothing where it is closing or over (row A52).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// session.close(CloseMode::Discard); // what is queued is dropped
    /// assert_eq!(session.closed().await.reason, CloseReason::ForcedClose);
    /// # Ok(()) }
    /// ```
    pub fn close(&self, mode: CloseMode) {
        self.shared.close(mode);
    }

    /// Waits for the end of the session, whoever ends it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// # session.close(CloseMode::Discard);
    /// println!("over: {}", session.closed().await.reason);
    /// # Ok(()) }
    /// ```
    pub async fn closed(&self) -> Closed {
        self.shared.closed().await
    }

    /// Why the session ended; `None` while it goes on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// assert!(session.closed_now().is_none());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn closed_now(&self) -> Option<Closed> {
        self.shared.closed_now()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", self.id()).field("transport", &self.transport()).finish()
    }
}
