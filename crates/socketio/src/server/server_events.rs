//! Events between servers (rows D89, D90): what a namespace says to the other servers, and its handlers for what they
//! say to it. Leaves out the way there (`cluster/`).

use std::{fmt, future::Future, time::Duration};

use futures_util::future::join_all;
use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{Body, EncodeError};
use tokio::sync::mpsc;

use super::{EmitError, Handler, Namespace, PendingAnswers, answers::Gathering};
use crate::handler::{Erased, begin, finish};

/// Another server has sent an event to this one.
///
/// ```
/// use socketio::{Data, Namespace, Server};
///
/// let io = Server::new();
/// io.of("/").on_server_event("count", async |namespace: Namespace, Data(room): Data<String>| {
///     Ok(namespace.room_len(&room))
/// });
/// ```
pub struct ServerEventContext {
    pub(super) namespace: Namespace,
    pub(super) event: Body,
}

impl ServerEventContext {
    pub(super) const fn new(namespace: Namespace, event: Body) -> Self {
        Self { namespace, event }
    }
}

impl fmt::Debug for ServerEventContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerEventContext").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Calls the handlers of the event. The future waits for them, and gives the first one's answer; none where there is no
/// handler, or where it failed.
pub(super) fn start(mut context: ServerEventContext) -> impl Future<Output = Option<Body>> + Send {
    let name = context.event.event_name().unwrap_or_default().into_owned();
    let handlers = context.namespace.handlers();
    let namespace = context.namespace.clone();
    let begun: Vec<_> =
        handlers.server_events.get(&*name).into_iter().flatten().map(|handler| begin(handler, &mut context)).collect();
    async move {
        let answers = join_all(begun.into_iter().map(finish)).await;
        let mut first = None;
        for (at, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(body) if at == 0 => first = Some(body),
                Ok(_) => {}
                Err(error) => namespace.environment().report_server_event(&namespace, &name, &error),
            }
        }
        first
    }
}

impl Namespace {
    /// Runs `handler` for each event of that name that another server of the cluster sends to this one with
    /// [`Namespace::server_side_emit`] (row D89); what it returns is the answer, where one was asked for. It may take
    /// [`Data`](super::Data), [`Event`](super::Event), [`RawEvent`](super::RawEvent) and the [`Namespace`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// use std::sync::Arc;
    ///
    /// let hub = cluster::MemoryHub::new();
    /// let one = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await?;
    /// let two = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await?;
    /// one.of("/").on_server_event("load?", async || Ok(0.5));
    /// # while two.server_count() < 2 { tokio::time::sleep(std::time::Duration::from_millis(10)).await; }
    /// assert_eq!(two.of("/").server_side_emit_with_ack::<f64>("load?", &())?.await?, [0.5]);
    /// # (one.close().await, two.close().await);
    /// # Ok(()) }
    /// ```
    pub fn on_server_event<M>(self, event: &str, handler: impl Handler<ServerEventContext, M>) -> Self {
        self.register(|handlers| handlers.server_events.entry(event.into()).or_default().push(Erased::new(handler)))
    }

    /// Sends an event to the other servers of the cluster, not to their clients, and not to this server (row D89). Where
    /// there are no others, nothing happens.
    ///
    /// ```
    /// # fn f(io: &socketio::Server) -> Result<(), socketio::EmitError> {
    /// use socketio::Data;
    ///
    /// let namespace = io.of("/").on_server_event("ban", async |Data(user): Data<String>| println!("{user} is banned"));
    /// namespace.server_side_emit("ban", "Eve")
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Encode`]; the names `connection` and `new_namespace` are reserved here too.
    pub fn server_side_emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let event = server_event(event, args)?;
        if let Some(cluster) = self.environment().cluster() {
            cluster.tell(|node, now| node.server_side_emit(self.wire_name(), &event, now).map(Some));
        }
        Ok(())
    }

    /// The same with an answer from each of the other servers (row D90), for 5 s: await the result. Without others, it is
    /// an empty list.
    ///
    /// ```
    /// # async fn f(io: socketio::Server) -> Result<(), Box<dyn std::error::Error>> {
    /// let loads = io.of("/").server_side_emit_with_ack::<f64>("load?", &())?.await?;
    /// println!("{loads:?}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Namespace::server_side_emit`].
    pub fn server_side_emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<PendingAnswers<R>, EmitError> {
        let event = server_event(event, args)?;
        let (parts, answers) = mpsc::unbounded_channel();
        let mut gathering = Gathering::new(SERVER_ANSWER_TIMEOUT, answers);
        if let Some(cluster) = self.environment().cluster() {
            gathering.others.extend(cluster.ask(&parts, |node, now, out| {
                node.begin_server_side_emit(self.wire_name(), &event, Some(SERVER_ANSWER_TIMEOUT), now, out)
            }));
        }
        Ok(PendingAnswers::new(gathering))
    }
}

/// How long other servers may take to answer (row D90).
const SERVER_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// An event for other servers. Besides what the protocol reserves, it may not be called like what the reference tells
/// its own listeners (row D89).
fn server_event<T: Serialize + ?Sized>(event: &str, args: &T) -> Result<Body, EmitError> {
    if matches!(event, "connection" | "new_namespace") {
        return Err(EmitError::Encode(EncodeError::ReservedEvent));
    }
    Ok(Body::event(event, args)?)
}
