//! What a [`ClientSocket`] sends, keeps and sends again, and who waits for the answer. (E36 to E50)
//!
//! Leaves out the lines in which things wait (`waiting.rs`) and their bounds (`options.rs`).

use std::iter;

use engineio_proto::Moment;

use super::{
    AckFailure, ClientOutput, ClientSocket, EmitOptions, EmitRefusal, Emitted, NotEmitted, OfflinePolicy, Outgoing,
    Waiting, options::cost_of, waiting::Entry,
};
use crate::{AckId, Body, PacketKind};

impl<W> ClientSocket<W> {
    /// Emits the event in `body`, made by [`Body::event`]; `waiter` is told of its acknowledgement, if there is one. (E36)
    ///
    /// With [`retries`](super::ClientSocketOptions::retries), an event that is not volatile is sent among the outputs,
    /// now or when its turn comes.
    ///
    /// ```
    /// use engineio_proto::Moment;
    /// use socketio_proto::{AckFailure, Body, ClientOutput, ClientSocket, EmitOptions, Emitted, Namespace};
    ///
    /// let mut socket = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// let mut options = EmitOptions::default();
    /// options.volatile = true;
    /// let event = Body::event("position", &(1, 2))?;
    /// let emitted = socket.handle_emit(event, options, Some("who asks"), Moment::EPOCH, &mut out)?;
    /// assert_eq!(emitted, Emitted::Dropped); // it is not connected
    /// assert_eq!(out, [ClientOutput::Failed { waiter: "who asks", failure: AckFailure::Disconnected }]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where the socket is not connected and nothing more, or nothing at all, may be kept until it is; and where too much
    /// waits for its turn. The waiter is given back.
    pub fn handle_emit(
        &mut self,
        body: Body,
        options: EmitOptions,
        waiter: Option<W>,
        now: Moment,
        out: &mut Vec<ClientOutput<W>>,
    ) -> Result<Emitted, NotEmitted<W>> {
        if self.options.queueing().is_some() && !options.volatile {
            return self.queue(body, options, waiter, now, out);
        }
        // Nothing overtakes what the engine did not take.
        let sends = self.is_connected() && self.buffer.is_empty();
        if options.volatile && !sends {
            out.extend(waiter.map(|waiter| ClientOutput::Failed { waiter, failure: AckFailure::Disconnected }));
            return Ok(Emitted::Dropped);
        }
        if let Some(refusal) = self.refusal(&body, !sends, false) {
            return Err(NotEmitted { refusal, waiter });
        }
        let deadline = self.timeout_of(options).map(|timeout| now + timeout);
        let ack = waiter.map(|waiter| self.acks.insert(deadline, Waiting::Caller(waiter)));
        let EmitOptions { compress, volatile, .. } = options;
        let packet = Outgoing { compress, volatile, ..Outgoing::event(body, ack) };
        if sends {
            return Ok(Emitted::Send(packet));
        }
        self.buffer.push(packet);
        Ok(Emitted::Buffered { ack })
    }

    /// One more in the line of those that are tried again. (E47)
    fn queue(
        &mut self,
        body: Body,
        options: EmitOptions,
        waiter: Option<W>,
        now: Moment,
        out: &mut Vec<ClientOutput<W>>,
    ) -> Result<Emitted, NotEmitted<W>> {
        if let Some(refusal) = self.refusal(&body, !self.is_connected(), true) {
            return Err(NotEmitted { refusal, waiter });
        }
        self.retries.push(Entry::new(body, options.compress, self.timeout_of(options), waiter));
        self.send_first(now, out);
        Ok(Emitted::Queued)
    }

    /// What speaks against keeping one more event: until there is a connection, or until its turn comes.
    fn refusal(&self, body: &Body, offline: bool, queued: bool) -> Option<EmitRefusal> {
        if !offline && !queued {
            return None;
        }
        if offline && self.options.offline == OfflinePolicy::None {
            return Some(EmitRefusal::Offline);
        }
        let held_bytes = self.held_bytes();
        let limit_bytes = self.options.offline.max_bytes()?;
        let is_full = held_bytes.saturating_add(cost_of(body)) > limit_bytes;
        is_full.then_some(EmitRefusal::Full { held_bytes, limit_bytes })
    }

    /// Sends the first event of those that are tried again, unless it is on its way or there is no connection.
    pub(super) fn send_first(&mut self, now: Moment, out: &mut Vec<ClientOutput<W>>) {
        if !self.is_connected() {
            return;
        }
        let Some(first) = self.retries.ready() else { return };
        let deadline = first.timeout.map(|timeout| now + timeout);
        // A fresh id at each try: a late answer to an earlier one is nobody's. (E50)
        let ack = self.acks.insert(deadline, Waiting::Try);
        let packet = Outgoing { compress: first.compress, ..Outgoing::event(first.body.clone(), Some(ack)) };
        self.retries.begin_try(ack);
        out.push(ClientOutput::Send(packet));
    }

    /// The engine did not take the packet, because its heartbeat has expired and it is about to close (B30): an event
    /// waits for the next connection, in front of whatever is emitted from now on.
    ///
    /// A volatile event is dropped; one that is tried again waits in its own line, and this try does not count. Packets of
    /// the protocol go with the connection.
    ///
    /// ```
    /// # use engineio_proto::Moment;
    /// # use socketio_proto::{Body, ClientOutput, ClientSocket, Emitted, Namespace, Packet, PacketKind};
    /// # let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// # let mut out = Vec::new();
    /// # socket.handle_connect(true, &mut out);
    /// # let Some(ClientOutput::AskAuth(id)) = out.pop() else { panic!("it asks") };
    /// # socket.handle_auth(id, None, &mut out)?;
    /// # let answer = Body::connect(&serde_json::json!({ "sid": "x" }))?;
    /// # socket.handle_packet(Packet::new(PacketKind::Connect, Namespace::root(), Some(answer)), Moment::EPOCH, &mut out)?;
    /// let event = Body::event("hello", &())?;
    /// let Emitted::Send(packet) = socket.handle_emit(event, Default::default(), None, Moment::EPOCH, &mut out)? else {
    ///     panic!("it is connected")
    /// };
    /// assert_eq!(socket.handle_unsent(packet, &mut out)?, Emitted::Buffered { ack: None });
    /// assert_eq!(socket.buffered().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`handle_emit`](Self::handle_emit).
    pub fn handle_unsent(
        &mut self,
        packet: Outgoing,
        out: &mut Vec<ClientOutput<W>>,
    ) -> Result<Emitted, NotEmitted<W>> {
        let (PacketKind::Event, Some(body)) = (packet.kind, &packet.body) else { return Ok(Emitted::Dropped) };
        if packet.ack.is_some_and(|ack| self.retries.is_trying(ack)) {
            packet.ack.and_then(|ack| self.acks.take(ack));
            self.retries.take_back_try();
            return Ok(Emitted::Queued);
        }
        // Who waited has been told already that it has failed.
        if packet.ack.is_some_and(|ack| !self.acks.contains(ack)) {
            return Ok(Emitted::Dropped);
        }
        if packet.volatile {
            let waiter = packet.ack.and_then(|ack| self.take_caller(ack));
            out.extend(waiter.map(|waiter| ClientOutput::Failed { waiter, failure: AckFailure::Disconnected }));
            return Ok(Emitted::Dropped);
        }
        if let Some(refusal) = self.refusal(body, true, false) {
            return Err(NotEmitted { refusal, waiter: packet.ack.and_then(|ack| self.take_caller(ack)) });
        }
        let ack = packet.ack;
        self.buffer.push(packet);
        Ok(Emitted::Buffered { ack })
    }

    fn take_caller(&mut self, ack: AckId) -> Option<W> {
        match self.acks.take(ack)? {
            Waiting::Caller(waiter) => Some(waiter),
            Waiting::Try => None,
        }
    }

    /// The acknowledgement is not waited for any more; yields who did. If the event is still in the offline buffer, it
    /// goes as well. (E41)
    ///
    /// For a waiter that has gone, and for an event that the engine did not take. An event that is tried again has no id
    /// that stays: it is sent all the same.
    ///
    /// ```
    /// use engineio_proto::Moment;
    /// use socketio_proto::{Body, ClientSocket, Emitted, Namespace};
    ///
    /// let mut socket = ClientSocket::new(Namespace::root(), Default::default());
    /// let (event, now) = (Body::event("hello", &())?, Moment::EPOCH);
    /// let emitted = socket.handle_emit(event, Default::default(), Some("who asks"), now, &mut Vec::new())?;
    /// let Emitted::Buffered { ack: Some(ack) } = emitted else { panic!("it is not connected") };
    /// assert_eq!(socket.forget_ack(ack), Some("who asks"));
    /// assert_eq!(socket.buffered().count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forget_ack(&mut self, ack: AckId) -> Option<W> {
        if self.retries.is_trying(ack) {
            return None;
        }
        self.buffer.remove(ack);
        self.take_caller(ack)
    }

    pub(super) fn handle_ack(&mut self, id: AckId, body: Body, now: Moment, out: &mut Vec<ClientOutput<W>>) {
        // What has not been sent cannot have been answered.
        if !self.is_connected() || self.buffer.has(id) {
            return;
        }
        match self.acks.take(id) {
            Some(Waiting::Caller(waiter)) => out.push(ClientOutput::Answer { waiter, body }),
            Some(Waiting::Try) => {
                out.extend(self.retries.succeed().map(|waiter| ClientOutput::Answer { waiter, body }));
                self.send_first(now, out);
            }
            None => {}
        }
    }

    /// It is `now`: acknowledgements whose time limit has come have failed, and what is to be sent again is sent.
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<ClientOutput<W>>) {
        // All of them first: what is sent again gets a new limit, which may be as short as none.
        let expired: Vec<_> = iter::from_fn(|| self.acks.poll_expired(now)).collect();
        for (id, waiting) in expired {
            let waiter = match waiting {
                Waiting::Caller(waiter) => {
                    self.buffer.remove(id);
                    Some(waiter)
                }
                Waiting::Try => self.retries.fail_try(self.options.queueing().unwrap_or(0)),
            };
            out.extend(waiter.map(|waiter| ClientOutput::Failed { waiter, failure: AckFailure::TimedOut }));
            self.send_first(now, out);
        }
    }

    /// The connection is gone, and all acknowledgements with it, but for those of events which have not been sent. (E44)
    pub(super) fn lose_acks(&mut self, out: &mut Vec<ClientOutput<W>>) {
        let Self { acks, buffer, retries, options, .. } = self;
        for (_, waiting) in acks.take_where(|id| !buffer.has(id)) {
            let waiter = match waiting {
                Waiting::Caller(waiter) => Some(waiter),
                Waiting::Try => retries.lose_try(options.queueing().unwrap_or(0)),
            };
            out.extend(waiter.map(|waiter| ClientOutput::Failed { waiter, failure: AckFailure::Disconnected }));
        }
    }

    /// The events that wait in the offline buffer, in order. (E37, R39)
    pub fn buffered(&self) -> impl Iterator<Item = &Body> {
        self.buffer.bodies()
    }

    /// The events that wait for their turn or their acknowledgement under
    /// [`retries`](super::ClientSocketOptions::retries), in order; the first may be on its way. (E47)
    pub fn queued(&self) -> impl Iterator<Item = &Body> {
        self.retries.bodies()
    }

    /// What the offline buffer and those that wait for their turn hold together, in bytes: what
    /// [`OfflinePolicy::Bounded`] bounds.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.buffer.bytes().saturating_add(self.retries.bytes())
    }

    /// Takes all events out of the offline buffer; who waits for their acknowledgements is told. (R39)
    ///
    /// ```
    /// use engineio_proto::Moment;
    /// use socketio_proto::{AckFailure, Body, ClientOutput, ClientSocket, Namespace};
    ///
    /// let mut socket = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// let event = Body::event("hello", &())?;
    /// socket.handle_emit(event, Default::default(), Some("who asks"), Moment::EPOCH, &mut out)?;
    /// socket.clear_buffer(&mut out);
    /// assert_eq!(out, [ClientOutput::Failed { waiter: "who asks", failure: AckFailure::Cleared }]);
    /// assert_eq!(socket.held_bytes(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_buffer(&mut self, out: &mut Vec<ClientOutput<W>>) {
        for ack in self.buffer.drain().filter_map(|packet| packet.ack) {
            let waiter = self.take_caller(ack);
            out.extend(waiter.map(|waiter| ClientOutput::Failed { waiter, failure: AckFailure::Cleared }));
        }
    }

    /// Takes all events out of the line of those that are tried again, also the one that is on its way and may still
    /// arrive; who waits for their acknowledgements is told.
    pub fn clear_queue(&mut self, out: &mut Vec<ClientOutput<W>>) {
        let (trying, waiters) = self.retries.clear();
        out.extend(waiters.map(|waiter| ClientOutput::Failed { waiter, failure: AckFailure::Cleared }));
        trying.and_then(|ack| self.acks.take(ack));
    }
}
