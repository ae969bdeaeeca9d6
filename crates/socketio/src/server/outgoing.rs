//! [`Outgoing`]: an event that is emitted, made once for all who get it; and [`Flags`], how it is sent.

use std::{borrow::Cow, sync::Arc};

use serde::Serialize;
use socketio_proto::{AckId, Body, EncodeError, Encoded, Offset, PacketKind};

use super::{Namespace, socket::SocketCore};

/// How an event is sent (rows D53, D54).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) volatile: bool,
    pub(super) compress: bool,
    /// Its sender waits for room: no other event gives way to it (row J2).
    pub(super) awaited: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self { volatile: false, compress: true, awaited: false }
    }
}

impl Flags {
    pub(super) fn apply<'a>(&self, packet: Cow<'a, Encoded>) -> Cow<'a, Encoded> {
        if self.compress { packet } else { Cow::Owned(packet.uncompressed()) }
    }
}

/// An event on its way out.
pub(super) enum Outgoing {
    /// Made straight into frames, with this acknowledgement id: nobody wants to look into it.
    Encoded(Encoded),
    /// Kept readable.
    Body(Body),
}

/// A packet, or what it takes to make one for one socket.
pub(super) enum Prepared<'a> {
    /// Owned where it is for this socket alone.
    Ready(Cow<'a, Encoded>),
    /// With this offset at its end; recorded under the lock that is held.
    Recorded(&'a Encoded, Offset),
    /// A volatile event where clients can be recovered.
    Volatile(&'a Body),
}

impl Outgoing {
    /// The event with its arguments. Where nobody looks into events, it goes straight into frames.
    pub(super) fn new<T: Serialize + ?Sized>(
        namespace: &Namespace,
        ack: Option<AckId>,
        event: &str,
        args: &T,
    ) -> Result<Self, EncodeError> {
        if namespace.looks_into_events() {
            return Body::event(event, args).map(Self::Body);
        }
        namespace.environment().config.parser.encode_event(namespace.wire_name(), ack, event, args).map(Self::Encoded)
    }

    /// An event that is passed on as it is, without an acknowledgement.
    pub(super) fn passed_on(namespace: &Namespace, event: &Body) -> Self {
        if namespace.looks_into_events() {
            return Self::raw(event);
        }
        Self::Encoded(namespace.encode(PacketKind::Event, None, Some(event)))
    }

    pub(super) fn raw(event: &Body) -> Self {
        Self::Body(event.clone())
    }

    /// Its packet; `ack` has to be what it was made with.
    pub(super) fn packet(&self, namespace: &Namespace, ack: Option<AckId>) -> Cow<'_, Encoded> {
        match self {
            Self::Encoded(packet) => Cow::Borrowed(packet),
            Self::Body(body) => Cow::Owned(namespace.encode(PacketKind::Event, ack, Some(body))),
        }
    }

    /// Whether anybody listens to what is sent.
    pub(super) fn is_watched(&self, namespace: &Namespace) -> bool {
        matches!(self, Self::Body(_)) && namespace.is_watched()
    }

    /// Tells those who listen to what is sent to that socket (row D67).
    pub(super) fn show_to(&self, socket: &Arc<SocketCore>) {
        let Self::Body(body) = self else { return };
        if !socket.namespace.is_watched() {
            return;
        }
        let handlers = socket.namespace.handlers();
        let own = socket.own_handlers(|own| own.outgoing.clone());
        for listener in handlers.outgoing.iter().chain(&own) {
            let show = || listener(&socket.handle(), body);
            socket.namespace.environment().guard("an outgoing listener", show);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Config, ConnectionStateRecovery, Server, cluster::MemoryHub};

    /// Row D67: that events have to be readable does not mean that anybody listens: no socket is looked at for that.
    #[tokio::test]
    async fn recovery_and_clusters_read_events_and_only_listeners_watch_them() {
        let recovery = Some(ConnectionStateRecovery::default());
        let config = Config { connection_state_recovery: recovery, ..Config::default() };
        let recovering = Server::with_config(config);
        let one_of_many = Server::in_cluster(Config::default(), Arc::new(MemoryHub::new().backplane())).await.unwrap();
        for io in [&recovering, &one_of_many] {
            let namespace = io.of("/");
            let event = Outgoing::new(&namespace, None, "e", &1).unwrap();
            assert!(matches!(event, Outgoing::Body(_)), "it is readable");
            assert!(!event.is_watched(&namespace), "and nobody looks");
            let namespace = namespace.on_any_outgoing(|_, _| {});
            assert!(event.is_watched(&namespace));
        }
        one_of_many.close().await;
    }
}
