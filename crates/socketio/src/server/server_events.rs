//! Events between servers (rows D89, D90): the handlers of a namespace for what other servers say to it. Leaves out the
//! way there (`cluster/`).

use std::{fmt, future::Future};

use futures_util::future::join_all;
use socketio_proto::Body;

use super::{
    Namespace,
    connection::{begin, finish},
};

/// Another server has sent an event to this one.
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
