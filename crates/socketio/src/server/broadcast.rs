//! [`Broadcast`]: who gets an event, and the sending of it: encoded once, a reference count a recipient.
//! Rows D55–D57, D76–D88. The answers are gathered in `answers.rs`, other servers reached through `cluster/`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use engineio::Sent;
use serde::{Serialize, de::DeserializeOwned};
use socketio_cluster::{BroadcastFlags, BroadcastOptions};
use socketio_proto::{AckId, Body, Encoded, PacketKind};
use tokio::sync::mpsc;

use super::{
    EmitError, Incomplete, Namespace, PendingAnswers, RemoteSocket, Socket,
    answers::Gathering,
    cluster::{Cluster, Part, Parts},
    counters::count,
    outgoing::{Flags, Outgoing, Prepared},
    recovery::Store,
    remote,
    socket::{AckWaiter, SocketCore},
};

/// A selection of sockets of one namespace, on all servers of the cluster where there is one. Each method gives a new
/// selection, so that one can be kept and used again (row D76).
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
    local: bool,
    timeout: Option<Duration>,
}

/// A packet for that many: where WebSockets compress, it is compressed once for all.
fn sharing<'a>(namespace: &Namespace, packet: Cow<'a, Encoded>, recipients: usize) -> Cow<'a, Encoded> {
    let deflates = namespace.environment().config.engine.per_message_deflate.is_some();
    if deflates && recipients > 1 { Cow::Owned(packet.shared()) } else { packet }
}

/// The places that were made for the answers of clients of this server; dropping them forgets the answers.
#[derive(Default)]
pub(super) struct Asked {
    id: Option<AckId>,
    sockets: Vec<Arc<SocketCore>>,
}

impl Asked {
    pub(super) const fn count(&self) -> u64 {
        self.sockets.len() as u64
    }

    /// The time is up: who has not answered, and is still there, is late.
    pub(super) fn expire(self) {
        let Some(id) = self.id else { return };
        for socket in self.sockets.iter().filter(|socket| socket.forget_ack(id)) {
            count(&socket.namespace.environment().counting.ack_timeouts);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        for socket in &self.sockets {
            socket.forget_ack(id);
        }
    }
}

impl Broadcast {
    pub(super) fn new(namespace: Namespace) -> Self {
        let (rooms, except, flags) = (Vec::new(), Vec::new(), Flags::default());
        Self { namespace, rooms, except, flags, local: false, timeout: None }
    }

    /// What another server has selected; it stays on this one.
    pub(super) fn of_options(namespace: Namespace, options: &BroadcastOptions) -> Self {
        let compress = options.flags.compress.unwrap_or(true);
        let flags = Flags { volatile: options.flags.volatile, compress, ..Flags::default() };
        let (rooms, except) = (options.rooms.clone(), options.except.clone());
        Self { namespace, rooms, except, flags, local: true, timeout: options.flags.timeout }
    }

    pub(super) const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Adds the sockets in that room: several rooms are a union. A socket's id is the name of a room that
    /// holds just that socket (row D40).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").broadcast().to("lobby").to("hall").emit("news", "to both, once each")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(mut self, room: impl AsRef<str>) -> Self {
        self.rooms.push(room.as_ref().to_owned());
        self
    }

    /// Leaves out the sockets in that room (row D78).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.to("lobby").except("muted").emit("news", "to the others in the lobby")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(mut self, room: impl AsRef<str>) -> Self {
        self.except.push(room.as_ref().to_owned());
        self
    }

    /// Only sockets of this server (row D84).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.broadcast().local().emit("news", "to the clients of this server")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub const fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Whoever cannot take the event at once does without; see [`Socket::volatile`] (row D53).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.broadcast().volatile().emit("price", &42)?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub const fn volatile(mut self) -> Self {
        self.flags.volatile = true;
        self
    }

    /// Whether the event may be compressed; see [`Socket::compress`] (row D54).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.broadcast().compress(false).emit("picture", &bytes::Bytes::from_static(b"a JPEG"))?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub const fn compress(mut self, compress: bool) -> Self {
        self.flags.compress = compress;
        self
    }

    /// How long answers are waited for; otherwise [`Limits::ack_timeout`](super::Limits::ack_timeout) (row D81, contract
    /// I7).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let second = std::time::Duration::from_secs(1);
    /// let answers = io.broadcast().timeout(second).emit_with_ack::<bool>("ready?", &())?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The selected sockets of this server that are connected now, each once, in no particular order; one that is leaving
    /// is among them while handlers see it off ([`Namespace::on_disconnecting`], row D70), one on its way in is not.
    ///
    /// ```
    /// # fn f(io: &socketio::Server) {
    /// let present: Vec<_> = io.of("/").to("lobby").sockets().iter().map(|socket| socket.id().clone()).collect();
    /// # }
    /// ```
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let members = self.namespace.members();
        let selected = members.iter().flat_map(|namespace| self.select(namespace));
        selected.filter(|core| !core.is_connecting()).map(|core| Socket { core }).collect()
    }

    fn select(&self, namespace: &Namespace) -> Vec<Arc<SocketCore>> {
        // The handles are copied out under the lock, and used without it.
        namespace.rooms().select(&self.rooms, &self.except)
    }

    /// Sends an event to each selected socket once, in no particular order of sockets; to each it keeps its
    /// place among everything else that is sent to that socket.
    ///
    /// What becomes of it where a client reads so slowly that its queue is full,
    /// [`Config::when_full`](super::Config::when_full) says. Other servers get it as well as the backplane carries it:
    /// where it does not, the sockets of this server still have it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let (ada, bob) = (TestClient::connect(&io).await, TestClient::connect(&io).await);
    /// io.broadcast().except(ada.id()).emit("move", &("knight", 3))?;
    /// assert_eq!(bob.receive::<(String, u8)>("move").await, ("knight".into(), 3));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Encode`]; then nobody got it.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        for namespace in self.namespace.members() {
            self.publish(&namespace, &Outgoing::new(&namespace, None, event, args)?);
        }
        Ok(())
    }

    /// Sends an event as it was received, arguments and attachments unread.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").on_fallback(async |socket: Socket, RawEvent(event): RawEvent| socket.broadcast().emit_raw(&event));
    /// let (ada, bob) = (TestClient::connect(&io).await, TestClient::connect(&io).await);
    /// ada.emit("anything", &(1, "two"));
    /// assert_eq!(bob.receive::<(u8, String)>("anything").await, (1, "two".into()));
    /// # Ok(()) }
    /// ```
    pub fn emit_raw(&self, event: &Body) {
        for namespace in self.namespace.members() {
            self.publish(&namespace, &Outgoing::passed_on(&namespace, event));
        }
    }

    /// Sends an event to the selected sockets of all servers that are meant.
    fn publish(&self, namespace: &Namespace, event: &Outgoing) {
        if let (Some(cluster), Outgoing::Body(body)) = (self.others(), event) {
            cluster.tell(|node, now| node.broadcast(namespace.wire_name(), body, &self.options(), now));
        }
        self.deliver(namespace, event);
    }

    /// The other servers, where there are any and they are meant.
    fn others(&self) -> Option<&Arc<Cluster>> {
        if self.local { None } else { self.namespace.environment().cluster() }
    }

    fn options(&self) -> BroadcastOptions {
        let compress = (!self.flags.compress).then_some(false);
        let flags = BroadcastFlags { volatile: self.flags.volatile, compress, local: false, timeout: self.timeout };
        BroadcastOptions { rooms: self.rooms.clone(), except: self.except.clone(), flags }
    }

    /// Sends an event to the selected sockets of this server.
    pub(super) fn deliver(&self, namespace: &Namespace, event: &Outgoing) {
        if event.is_watched(namespace) {
            self.select(namespace).iter().for_each(|socket| event.show_to(socket));
        }
        if let (Some(store), Outgoing::Body(body)) = (namespace.store(), event) {
            return self.deliver_recoverably(namespace, store, body);
        }
        let sockets = self.select(namespace);
        let packet = sharing(namespace, event.packet(namespace, None), sockets.len());
        for socket in sockets {
            let sent = socket.try_send(Prepared::Ready(Cow::Borrowed(&packet)), self.flags);
            socket.settle_or_decide(sent);
        }
    }

    /// The same where clients come back: the event is recorded, and goes out to all under one lock, so that no client
    /// gets offsets in another order. What comes of it is looked at after that.
    fn deliver_recoverably(&self, namespace: &Namespace, store: &Store, body: &Body) {
        let mut outcomes = Vec::new();
        if self.flags.volatile {
            let send = |socket: Arc<SocketCore>| (socket.try_send(Prepared::Volatile(body), self.flags), socket);
            outcomes.extend(self.select(namespace).into_iter().map(send));
        } else {
            let encode = |body: &Body| {
                let packet = namespace.encode(PacketKind::Event, None, Some(body));
                sharing(namespace, Cow::Owned(packet), usize::MAX).into_owned()
            };
            store.lock().publish(body, (&self.rooms, &self.except), encode, |packet, offset| {
                for socket in self.select(namespace) {
                    let sent = socket.try_send(Prepared::Recorded(packet, offset), self.flags);
                    if sent != Ok(Sent::Queued { dropped: 0 }) {
                        outcomes.push((sent, socket));
                    }
                }
                ((), true)
            });
            store.keep_swept(namespace);
        }
        for (sent, socket) in outcomes {
            socket.settle_or_decide(sent);
        }
    }

    /// Sends an event to the selected clients, of all servers, and asks each for an acknowledgement: await the result for
    /// their answers (rows D81, D82).
    ///
    /// ```
    /// # async fn f(io: socketio::Server) -> Result<(), socketio::EmitError> {
    /// use std::time::Duration;
    ///
    /// let votes = io.of("/").to("jury").timeout(Duration::from_secs(10)).emit_with_ack::<bool>("guilty?", &())?;
    /// match votes.await {
    ///     Ok(votes) => println!("all {} have voted", votes.len()),
    ///     Err(incomplete) => println!("{} votes, {} are missing", incomplete.answers.len(), incomplete.missing_clients),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Encode`]; then nobody got it.
    pub fn emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<PendingAnswers<R>, EmitError> {
        let timeout = self.timeout.unwrap_or(self.namespace.environment().config.limits.ack_timeout);
        let (parts, answers) = mpsc::unbounded_channel();
        let mut gathering = Gathering::new(timeout, answers);
        for namespace in self.namespace.members() {
            let id = namespace.next_ack_id();
            let event = Outgoing::new(&namespace, Some(id), event, args)?;
            if let (Some(cluster), Outgoing::Body(body)) = (self.others(), &event) {
                let mut options = self.options();
                options.flags.timeout = Some(timeout);
                gathering.others.extend(cluster.ask(&parts, |node, now, out| {
                    node.begin_broadcast(namespace.wire_name(), body, &options, now, out)
                }));
            }
            gathering.here.push(self.ask_with(id, &namespace, &event, &parts));
        }
        Ok(PendingAnswers::new(gathering))
    }

    /// Sends an event to the selected clients of this server; their answers go to `parts`.
    pub(super) fn ask_here(&self, namespace: &Namespace, event: &Outgoing, parts: &Parts) -> Asked {
        self.ask_with(namespace.next_ack_id(), namespace, event, parts)
    }

    fn ask_with(&self, id: AckId, namespace: &Namespace, event: &Outgoing, parts: &Parts) -> Asked {
        let mut sockets = self.select(namespace);
        let packet = sharing(namespace, event.packet(namespace, Some(id)), sockets.len());
        // The place for the answer exists before the event leaves (hazard R21).
        sockets.retain(|socket| socket.await_ack(id, AckWaiter::Shared(parts.clone())).is_ok());
        for socket in &sockets {
            event.show_to(socket);
            let sent = socket.try_send(Prepared::Ready(Cow::Borrowed(&packet)), self.flags);
            if !sent.as_ref().is_ok_and(|sent| sent.is_queued()) {
                // Who did not get the question is missing, and not waited for.
                socket.forget_ack(id);
            }
            socket.settle_or_decide(sent);
        }
        Asked { id: Some(id), sockets }
    }

    /// The selected sockets of all servers, as they are now (row D85). It takes as long as the slowest server, at most
    /// [`Broadcast::timeout`], or 5 s.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// for socket in io.to("lobby").fetch_sockets().await? {
    ///     println!("{} is in {:?}", socket.id(), socket.rooms());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where a server did not answer in time, or is gone: those that did are in the error. A parent namespace has no
    /// sockets of its own, and gives none (row D25).
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, Incomplete<RemoteSocket>> {
        if self.namespace.is_parent() {
            return Ok(Vec::new());
        }
        let here = self.sockets();
        let mut sockets: Vec<_> = here.iter().filter_map(remote::details).collect();
        let (parts, mut answers) = mpsc::unbounded_channel();
        let options = self.options();
        let name = self.namespace.wire_name();
        let _request = self.others().and_then(|cluster| {
            cluster.ask(&parts, |node, now, out| node.begin_fetch_sockets(name, &options, now, out))
        });
        drop(parts);
        let mut outcome = None;
        while let Some(part) = answers.recv().await {
            match part {
                Part::Sockets(more) => sockets.extend(more),
                Part::Outcome(end) => outcome = Some(end),
                Part::Answer(_) => {}
            }
        }
        let sockets = sockets.into_iter().map(|details| RemoteSocket::new(self.namespace.clone(), details)).collect();
        match outcome {
            Some(outcome) if !outcome.missing.is_empty() => Err(Incomplete::of_servers(sockets, outcome)),
            _ => Ok(sockets),
        }
    }

    /// Lets the selected sockets, of all servers, join rooms (row D87).
    ///
    /// ```
    /// # fn f(io: &socketio::Server) {
    /// io.of("/").to("waiting").sockets_join(["playing", "round 1"]);
    /// # }
    /// ```
    pub fn sockets_join(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        let rooms: Vec<String> = rooms.into_iter().map(Into::into).collect();
        self.tell(|node, name, now| node.sockets_join(name, &self.options(), &rooms, now));
        self.join_here(&rooms);
    }

    /// Lets the selected sockets, of all servers, leave rooms (row D87).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.to("playing").sockets_leave(["waiting"]);
    /// # Ok(()) }
    /// ```
    pub fn sockets_leave(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        let rooms: Vec<String> = rooms.into_iter().map(Into::into).collect();
        self.tell(|node, name, now| node.sockets_leave(name, &self.options(), &rooms, now));
        self.leave_here(&rooms);
    }

    /// Disconnects the selected sockets, of all servers; with `close`, their whole connections (row D87).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.to("banned").disconnect_sockets(true); // their whole connections
    /// # Ok(()) }
    /// ```
    pub fn disconnect_sockets(&self, close: bool) {
        self.tell(|node, name, now| node.disconnect_sockets(name, &self.options(), close, now));
        self.disconnect_here(close);
    }

    fn tell<E: std::fmt::Display>(
        &self,
        mut make: impl FnMut(
            &mut socketio_cluster::Node,
            &socketio_proto::Namespace,
            engineio_proto::Moment,
        ) -> Result<Option<socketio_cluster::Publication>, E>,
    ) {
        let Some(cluster) = self.others() else { return };
        for namespace in self.namespace.members() {
            cluster.tell(|node, now| make(node, namespace.wire_name(), now));
        }
    }

    pub(super) fn join_here(&self, rooms: &[String]) {
        self.for_each_here(|socket| rooms.iter().for_each(|room| socket.join(room)));
    }

    pub(super) fn leave_here(&self, rooms: &[String]) {
        self.for_each_here(|socket| rooms.iter().for_each(|room| socket.leave(room)));
    }

    pub(super) fn disconnect_here(&self, close: bool) {
        self.for_each_here(|socket| if close { socket.link.order_disconnect_all() } else { socket.disconnect() });
    }

    fn for_each_here(&self, change: impl Fn(&Arc<SocketCore>)) {
        for namespace in self.namespace.members() {
            self.select(&namespace).iter().for_each(&change);
        }
    }
}
