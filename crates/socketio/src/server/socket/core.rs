//! [`SocketCore`]: what the handles of a socket share: its phase, its rooms, its awaited acknowledgements, its data and
//! handlers of its own. Leaves out the running of handlers (`connection/`).
//!
//! ```text
//!  Connecting ── middlewares and connect handler say Ok ──▶ Connected ──▶ Disconnected
//!      └────────── refused, or gone meanwhile ───────────────────────────────▲
//! ```
//! While `Connecting`, what is emitted is held back, so that the client sees its CONNECT first (row D33).

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering},
};

use engineio::{CloseMode, SendOptions, Sent};
use socketio_proto::{AckId, Body, Encoded, Offset, PacketKind};
use tokio::sync::oneshot;

use super::{
    Extensions, Handshake, Socket,
    data::Slot,
    state::{AckWaiter, Held, HeldBack, Own, Past, Phase, Stage, State},
};
use crate::{
    ack::{AckSource, AckTarget, Waiting},
    server::{
        AckError, DisconnectReason, EmitError, HandlerError, Namespace, SocketId, WhenFull,
        connection::{Departure, Link},
        counters::count,
        handlers::{Leaving, SocketHandlers},
        outgoing::{Flags, Outgoing, Prepared},
        protocol,
        recovery::{Locked, Return, Saved, Stays, Store},
    },
};

pub(in crate::server) struct SocketCore {
    pub(in crate::server) id: SocketId,
    pub(in crate::server) namespace: Namespace,
    pub(in crate::server) handshake: Handshake,
    pub(in crate::server) link: Arc<Link>,
    /// Where clients can be recovered.
    past: Option<Box<Past>>,
    state: Mutex<State>,
    /// Nothing for most sockets.
    own: OnceLock<Box<Own>>,
}

impl SocketCore {
    /// A socket for a client that asks to join; `comeback` is what it has found of an earlier one.
    pub(in crate::server) fn new(
        id: SocketId,
        namespace: Namespace,
        handshake: Handshake,
        link: Arc<Link>,
        mut comeback: Option<Return>,
    ) -> Self {
        let phase = Phase::Connecting(None);
        let state = State { phase, last_offset: None, ticket: None, rooms: Vec::new(), acks: None };
        let data = comeback.as_mut().and_then(|comeback| comeback.saved.data.take());
        let begun = namespace.store().map(|store| store.lock().latest());
        let past = begun.map(|begun| Box::new(Past::new(comeback, begun)));
        let socket = Self { id, namespace, handshake, link, past, state: Mutex::new(state), own: OnceLock::new() };
        if let Some(data) = data {
            socket.put_data(data);
        }
        socket
    }

    pub(in crate::server) fn comeback(&self) -> Option<&Return> {
        self.past.as_ref()?.comeback.as_ref()
    }

    pub(in crate::server) fn begun(&self) -> Option<Offset> {
        Some(self.past.as_ref()?.begun)
    }

    /// In which rooms it was when, where clients can be recovered.
    pub(in crate::server) fn stays(&self) -> Option<MutexGuard<'_, Stays>> {
        Some(self.past.as_ref()?.stays())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::server) fn stage(&self) -> Stage {
        match self.lock().phase {
            Phase::Connecting(..) => Stage::Connecting,
            Phase::Connected => Stage::Connected,
            Phase::Disconnected => Stage::Disconnected,
        }
    }

    pub(in crate::server) fn is_connected(&self) -> bool {
        self.stage() == Stage::Connected
    }

    pub(in crate::server) fn is_connecting(&self) -> bool {
        self.stage() == Stage::Connecting
    }

    pub(in crate::server) fn id_in_logs(&self) -> Cow<'_, str> {
        protocol::id_in_logs(&self.link.session, self.link.revision, &self.id)
    }

    // ---- what belongs to the socket ----

    fn own(&self) -> &Own {
        self.own.get_or_init(Box::default)
    }

    /// Gives what was there before.
    pub(super) fn put_data(&self, data: Slot) -> Option<Slot> {
        self.own().data.lock().unwrap_or_else(PoisonError::into_inner).replace(data)
    }

    pub(in crate::server) fn data_slot(&self) -> Option<Slot> {
        self.own.get()?.data.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn extensions(&self) -> &Extensions {
        &self.own().extensions
    }

    /// Looks at, or changes, the socket's own handlers; one that has left has none, and gets none.
    pub(in crate::server) fn with_handlers<R: Default>(&self, change: impl FnOnce(&mut SocketHandlers) -> R) -> R {
        let mut handlers = self.own().handlers.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.lock().phase, Phase::Disconnected) {
            return R::default();
        }
        change(handlers.get_or_insert_default())
    }

    /// Looks at the socket's own handlers where there are any.
    pub(in crate::server) fn own_handlers<R: Default>(&self, look: impl FnOnce(&mut SocketHandlers) -> R) -> R {
        let Some(own) = self.own.get() else { return R::default() };
        own.handlers.lock().unwrap_or_else(PoisonError::into_inner).as_deref_mut().map(look).unwrap_or_default()
    }

    /// The socket has left: its handlers go, but for those of this very moment.
    pub(in crate::server) fn take_leaving(&self) -> Leaving {
        let Some(own) = self.own.get() else { return Leaving::default() };
        let handlers = own.handlers.lock().unwrap_or_else(PoisonError::into_inner).take();
        handlers.map(|handlers| handlers.leaving).unwrap_or_default()
    }

    // ---- rooms ----

    pub(super) fn rooms(&self) -> Vec<Arc<str>> {
        self.lock().rooms.clone()
    }

    pub(in crate::server) fn join(self: &Arc<Self>, room: &str) {
        self.namespace.change_rooms(|rooms, latest| {
            let mut state = self.lock();
            if matches!(state.phase, Phase::Disconnected) {
                return;
            }
            let environment = self.namespace.environment();
            if state.rooms.len() >= environment.config.limits.max_rooms
                && !state.rooms.iter().any(|name| **name == *room)
            {
                tracing::debug!(socket = %self.id_in_logs(), room, "not joined: the socket is in `max_rooms` rooms");
                return count(&environment.counting.rooms_refused);
            }
            let joined = rooms.join(room, self);
            if let (Some(name), Some(latest), Some(mut stays)) = (&joined, latest, self.stays()) {
                stays.begin(name, latest);
            }
            state.rooms.extend(joined);
        });
    }

    pub(in crate::server) fn leave(self: &Arc<Self>, room: &str) {
        self.namespace.change_rooms(|rooms, latest| {
            self.lock().rooms.retain(|name| **name != *room);
            if let (Some(latest), Some(mut stays)) = (latest, self.stays()) {
                stays.end(room, latest);
            }
            rooms.leave(room, self);
        });
    }

    /// Takes the socket out of the namespace and its rooms; again does nothing.
    pub(in crate::server) fn leave_rooms(self: &Arc<Self>) {
        let names = self.rooms();
        self.namespace.change_rooms(|rooms, _| rooms.remove(self, &names));
    }

    /// After the disconnect handler.
    pub(in crate::server) fn forget_all(&self) {
        self.lock().rooms = Vec::new();
        if let Some(own) = self.own.get() {
            own.extensions.clear();
        }
    }

    // ---- sending ----

    /// Emits an event to this socket alone.
    pub(in crate::server) fn emit(self: &Arc<Self>, event: Outgoing, flags: Flags) -> Result<(), EmitError> {
        event.show_to(self);
        match event {
            Outgoing::Encoded(packet) => self.settle(self.try_send(Prepared::Ready(Cow::Owned(packet)), flags)),
            Outgoing::Body(_) => self.emit_unseen(&event, flags),
        }
    }

    /// The same, for an event that was shown before.
    pub(in crate::server) fn emit_unseen(self: &Arc<Self>, event: &Outgoing, flags: Flags) -> Result<(), EmitError> {
        let (Some(store), Outgoing::Body(body)) = (self.namespace.store(), event) else {
            let sent = self.try_send(Prepared::Ready(event.packet(&self.namespace, None)), flags);
            return self.settle(sent);
        };
        if flags.volatile {
            let sent = self.try_send(Prepared::Volatile(body), flags);
            return self.settle(sent);
        }
        // What is for one client is for the room of its id (row D112).
        let own_room = [self.id.as_str().to_owned()];
        let encode = |body: &Body| self.namespace.encode(PacketKind::Event, None, Some(body));
        let sent = store.lock().publish(body, (&own_room, &[]), encode, |packet, offset| {
            let sent = self.try_send(Prepared::Recorded(packet, offset), flags);
            let kept = sent.is_ok();
            (sent, kept)
        });
        store.keep_swept(&self.namespace);
        self.settle(sent)
    }

    /// Sends an event, or holds it back until the client knows that it is connected. To be followed by `settle`, under no
    /// lock.
    pub(in crate::server) fn try_send(&self, packet: Prepared<'_>, flags: Flags) -> Result<Sent, EmitError> {
        let mut options = if flags.volatile { SendOptions::VOLATILE } else { SendOptions::DROPPABLE };
        options.keeps_others = flags.awaited;
        let mut state = self.lock();
        match packet {
            Prepared::Ready(packet) => self.send_locked(&mut state, flags.apply(packet), None, options),
            Prepared::Recorded(packet, offset) => {
                let packet = flags.apply(Cow::Borrowed(packet));
                let sent = self.send_locked(&mut state, packet, Some(offset), options)?;
                match &mut state.last_offset {
                    Some(last) => **last = offset,
                    none => *none = Some(Box::new(offset)),
                }
                Ok(sent)
            }
            Prepared::Volatile(body) => {
                // A client takes a text at the end for an offset: so it is given the one that it has (hazard R32).
                let offset = || state.last_offset.as_ref().map(|offset| offset.to_string()).unwrap_or_default();
                let body =
                    if body.ends_with_text() { Cow::Owned(body.with_text(&offset())) } else { Cow::Borrowed(body) };
                let packet = self.namespace.encode(PacketKind::Event, None, Some(&body));
                self.send_locked(&mut state, flags.apply(Cow::Owned(packet)), None, options)
            }
        }
    }

    /// Counts and tells what became of an event.
    pub(in crate::server) fn settle(self: &Arc<Self>, sent: Result<Sent, EmitError>) -> Result<(), EmitError> {
        let counting = &self.namespace.environment().counting;
        match sent? {
            Sent::Queued { dropped: 0 } => {}
            Sent::Queued { dropped } => {
                counting.events_dropped.fetch_add(u64::from(dropped), Ordering::Relaxed);
                self.namespace.environment().announce_slowness(self);
            }
            Sent::Discarded => count(&counting.volatile_dropped),
        }
        Ok(())
    }

    /// The same for an event of a broadcast: where the client's queue is full, nobody is there to be told, and the
    /// configuration decides (row J1).
    pub(in crate::server) fn settle_or_decide(self: &Arc<Self>, sent: Result<Sent, EmitError>) {
        if self.settle(sent) != Err(EmitError::Full) {
            return;
        }
        let environment = self.namespace.environment();
        if environment.config.when_full == WhenFull::DropNewest {
            count(&environment.counting.events_dropped);
            environment.announce_slowness(self);
        } else {
            environment.announce_slowness(self);
            self.link.close_for_slowness();
        }
    }

    /// Sends a packet of this socket, or holds it back.
    fn send_as(&self, packet: Encoded, options: SendOptions) -> Result<Sent, EmitError> {
        self.send_locked(&mut self.lock(), Cow::Owned(packet), None, options)
    }

    /// Acknowledges an event of the client.
    pub(in crate::server) fn acknowledge(self: &Arc<Self>, id: AckId, body: &Body) -> Result<(), EmitError> {
        let packet = self.namespace.encode(PacketKind::Ack, Some(id), Some(body));
        let sent = self.send_as(packet, SendOptions::KEPT);
        if sent == Err(EmitError::Full) {
            // It is used up, and the client waits for it (row J1).
            self.link.close_for_slowness();
        }
        self.settle(sent)
    }

    fn send_locked(
        &self,
        state: &mut State,
        packet: Cow<'_, Encoded>,
        offset: Option<Offset>,
        options: SendOptions,
    ) -> Result<Sent, EmitError> {
        match &mut state.phase {
            Phase::Connected => Ok(match packet {
                Cow::Borrowed(packet) => self.link.session.send_with(packet.group(), options),
                Cow::Owned(packet) => self.link.session.send_with(packet, options),
            }?),
            // Nothing can leave at once before the client is connected.
            Phase::Connecting(..) if options.volatile => Ok(Sent::Discarded),
            Phase::Connecting(held_back) => {
                let HeldBack { events, bytes } = &mut **held_back.get_or_insert_default();
                if *bytes + packet.byte_len() > self.link.max_queue_bytes() {
                    return Err(EmitError::Full);
                }
                *bytes += packet.byte_len();
                events.push(Held { packet: packet.into_owned(), offset });
                Ok(Sent::Queued { dropped: 0 })
            }
            Phase::Disconnected => Err(EmitError::Disconnected),
        }
    }

    /// Sends an event with an acknowledgement; the place for the answer exists before the event leaves
    /// (hazard R21).
    pub(in crate::server) fn ask(
        self: &Arc<Self>,
        id: AckId,
        event: &Outgoing,
        flags: Flags,
    ) -> Result<Waiting, AckError> {
        let (sender, answer) = oneshot::channel();
        self.await_ack(id, AckWaiter::One(sender))?;
        let waiting = Waiting::new(self.clone(), id, answer);
        event.show_to(self);
        let sent = self.try_send(Prepared::Ready(event.packet(&self.namespace, Some(id))), flags);
        self.settle(sent)?;
        Ok(waiting)
    }

    /// Makes a place for an answer.
    pub(in crate::server) fn await_ack(&self, id: AckId, waiter: AckWaiter) -> Result<(), AckError> {
        let mut state = self.lock();
        match state.phase {
            Phase::Connecting(..) => Err(AckError::NotConnected),
            Phase::Disconnected => Err(AckError::Disconnected),
            Phase::Connected => {
                state.acks.get_or_insert_default().insert_with_id(id, None, waiter);
                Ok(())
            }
        }
    }

    fn take_waiter(&self, id: AckId) -> Option<AckWaiter> {
        self.lock().acks.as_mut()?.take(id)
    }

    /// Nobody waits for that answer any more; says whether it was still to come.
    pub(in crate::server) fn forget_ack(&self, id: AckId) -> bool {
        let waiter = self.take_waiter(id);
        waiter.is_some()
    }

    #[cfg(test)]
    pub(in crate::server) fn awaited_acks(&self) -> usize {
        self.lock().acks.as_ref().map_or(0, |acks| acks.len())
    }

    /// The client's answer; one that nobody waits for is ignored.
    pub(in crate::server) fn handle_ack(&self, id: AckId, body: Body) {
        let waiter = self.take_waiter(id);
        if let Some(waiter) = waiter {
            waiter.answer(body);
        }
    }

    // ---- phases ----

    /// Everybody agrees: the client is told, and gets what it missed and what was held back. Says whether it is connected
    /// now.
    pub(in crate::server) fn accept(self: &Arc<Self>) -> bool {
        let mut store = self.namespace.store().map(Store::lock);
        let welcomed = {
            let mut rooms = self.namespace.rooms();
            let mut state = self.lock();
            let Phase::Connecting(held) = &mut state.phase else { return false };
            if self.link.session.closed_now().is_some() {
                // Gone meanwhile; the connection is about to say so.
                return false;
            }
            let held = std::mem::take(held).map(|held| held.events).unwrap_or_default();
            let welcomed = self.welcome(&mut state, store.as_mut(), held);
            if welcomed.is_some() {
                state.phase = Phase::Connected;
                rooms.add(self);
                for room in &state.rooms {
                    // Another comeback of the same client, which was slower, may have its places.
                    rooms.join(room, self);
                }
            }
            welcomed
        };
        drop(store);
        self.namespace.tell_room_listeners();
        let counting = &self.namespace.environment().counting;
        let Some(is_slow) = welcomed else {
            // What it missed went in this moment, or another connection of the same client was faster: it is not let in,
            // and comes back.
            count(&counting.recoveries_failed);
            self.link.close_because(DisconnectReason::TransportError, CloseMode::Discard);
            return false;
        };
        count(&counting.sockets_joined);
        self.link.set_joined();
        if is_slow {
            self.namespace.environment().announce_slowness(self);
        }
        if self.comeback().is_some() {
            count(&counting.recoveries);
        }
        true
    }

    /// Sends what the client missed (row D110), the CONNECT, and what was held back; says whether other events gave way.
    /// `None` where the first is not to be had any more.
    fn welcome(self: &Arc<Self>, state: &mut State, store: Option<&mut Locked<'_>>, held: Vec<Held>) -> Option<bool> {
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        for Held { packet, offset } in held {
            if let Some(offset) = offset {
                before.push((offset, packet.clone()));
            }
            // What has an offset is among what a client that comes back has missed, and has its place there.
            if offset.is_none() || self.comeback().is_none() {
                behind.push(packet);
            }
        }
        let mut greeting = serde_json::json!({ "sid": self.id });
        if let Some(store) = store.filter(|_| protocol::comes_back(self.link.revision)) {
            let (ticket, missed) = store.admit(self, self.comeback(), before)?;
            greeting["pid"] = ticket.pid.as_str().into();
            let named = || self.comeback()?.offset.as_ref()?.parse().ok();
            state.last_offset = missed.last().map(|(offset, _)| *offset).or_else(named).map(Box::new);
            state.ticket = Some(Box::new(ticket));
            before = if self.comeback().is_some() { missed } else { Vec::new() };
        }
        let greeting = protocol::greeting(self.link.revision, &greeting);
        let greeting = self.namespace.encode(PacketKind::Connect, None, greeting.as_ref());
        let packets = before.iter().map(|(_, packet)| packet).chain([&greeting]).chain(&behind);
        let frames: Vec<_> = packets.flat_map(Encoded::frames).cloned().collect();
        // What was missed may be more than the queue's bound: it has its own, and shares the memory of what is recorded.
        // It leaves the queue to what comes after it, or else a client with much to read would be thrown out as slow, come
        // back, and have as much to read again (hazard R32).
        let options = if before.is_empty() { SendOptions::KEPT } else { SendOptions::EXEMPT };
        Some(self.link.send_frames(&frames, options))
    }

    /// A middleware or the connect handler refuses, with this payload.
    pub(in crate::server) fn refuse(self: &Arc<Self>, error: Option<&Body>) {
        if let Some(Phase::Connecting(..)) = self.depart(DisconnectReason::ServerNamespaceDisconnect) {
            self.tell_refusal(error);
        }
    }

    fn tell_refusal(self: &Arc<Self>, error: Option<&Body>) {
        count(&self.namespace.environment().counting.joins_refused);
        self.send_packet(&self.namespace.encode(PacketKind::ConnectError, None, error));
    }

    /// Sends a packet of the protocol, and tells where events gave way to it.
    fn send_packet(self: &Arc<Self>, packet: &Encoded) {
        if self.link.send(packet) {
            self.namespace.environment().announce_slowness(self);
        }
    }

    /// A client that waits to be let in must not be left waiting: it is refused.
    pub(in crate::server) fn disconnect(self: &Arc<Self>) {
        match self.depart(DisconnectReason::ServerNamespaceDisconnect) {
            Some(Phase::Connected) => self.send_packet(&self.namespace.encode(PacketKind::Disconnect, None, None)),
            Some(Phase::Connecting(..)) => {
                self.forget_session();
                let error = HandlerError::new("disconnected by the server");
                self.tell_refusal(protocol::connect_error(&error).as_ref());
            }
            Some(Phase::Disconnected) | None => {}
        }
    }

    /// The client has left by its own will.
    pub(in crate::server) fn leave_namespace(self: &Arc<Self>) {
        if let Some(Phase::Connecting(..)) = self.depart(DisconnectReason::ClientNamespaceDisconnect) {
            self.forget_session();
        }
    }

    /// One that was on its way back is not to come back any more: the session was not its own yet (row D107).
    fn forget_session(self: &Arc<Self>) {
        if let (Some(store), Some(comeback)) = (self.namespace.store(), self.comeback()) {
            store.lock().forget(self, &comeback.pid);
        }
    }

    /// Leaves the namespace, once, whoever asks first (hazard R10): awaited acknowledgements fail, rooms are left, and
    /// the connection is told to run the disconnect handlers. Gives the phase that ended; `None` where the socket
    /// had left already.
    pub(in crate::server) fn depart(self: &Arc<Self>, reason: DisconnectReason) -> Option<Phase> {
        // The waiters of acknowledgements are woken after the locks.
        let (before, _acks, saved) = {
            let mut store = self.namespace.store().map(Store::lock);
            let mut state = self.lock();
            let before = std::mem::replace(&mut state.phase, Phase::Disconnected);
            if matches!(before, Phase::Disconnected) {
                return None;
            }
            let acks = std::mem::take(&mut state.acks);
            let saved = state.ticket.take().zip(store.as_mut()).is_some_and(|(ticket, store)| {
                let (rooms, data, entered) = (state.rooms.clone(), self.data_slot(), ticket.entered);
                let stays = || self.stays().map(|stays| stays.clone()).unwrap_or_default();
                let save = || Saved { id: self.id.clone(), rooms, stays: stays(), data, entered };
                store.depart(self, &ticket, reason, save)
            });
            (before, acks, saved)
        };
        if let (true, Some(store)) = (saved, self.namespace.store()) {
            store.keep_swept(&self.namespace);
        }
        let was_connected = matches!(before, Phase::Connected);
        // Who wants to see the socket in its rooms while it leaves is run by the connection, and the rooms are left
        // behind that (row D70).
        let watched = was_connected
            && (!self.namespace.handlers().leaving.disconnecting.is_empty()
                || self.own_handlers(|own| !own.leaving.disconnecting.is_empty()));
        if !watched {
            self.leave_rooms();
        }
        self.link.announce(Departure::new(self.clone(), reason, was_connected));
        Some(before)
    }

    pub(in crate::server) fn handle(self: &Arc<Self>) -> Socket {
        Socket { core: self.clone() }
    }
}

impl AckSource for SocketCore {
    fn forget(&self, id: AckId, timed_out: bool) {
        if timed_out {
            count(&self.namespace.environment().counting.ack_timeouts);
        }
        self.forget_ack(id);
    }
}

impl AckTarget for SocketCore {
    fn send_ack(self: Arc<Self>, id: AckId, body: &Body) -> Result<(), EmitError> {
        self.acknowledge(id, body)
    }
}
