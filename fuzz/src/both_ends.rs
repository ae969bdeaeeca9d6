//! What the hosts of a server's session and of a client's have in common: the two machines are of two types and are asked the same.

use engineio_proto::{
    WireId,
    websocket::{FrameDecoder, FrameLimits, Role},
};

/// A WebSocket of a session.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) id: WireId,
    pub(crate) decoder: FrameDecoder,
    pub(crate) opened: bool,
    pub(crate) closes: u32,
}

impl Wire {
    pub(crate) const fn new(id: WireId, role: Role, limits: FrameLimits) -> Self {
        let decoder = FrameDecoder::new(role, limits);
        // A server hears of those that are open.
        Self { id, decoder, opened: matches!(role, Role::Server), closes: 0 }
    }
}

/// The session closes this WebSocket, which is done once; gives its number.
pub(crate) fn close(wires: &mut [Wire], id: WireId) -> usize {
    let Some(index) = wires.iter().position(|wire| wire.id == id) else {
        panic!("{id:?}, of which nobody knows, is closed");
    };
    wires[index].closes += 1;
    assert_eq!(wires[index].closes, 1, "{id:?} is closed once");
    index
}

/// Methods of a host, which has `session`, `out`, `wires`, `now` and `carry_out`.
macro_rules! both_ends {
    () => {
        /// Bytes as they are read from a connection.
        pub(crate) fn bytes(&mut self, wire: usize, bytes: &[u8]) -> Vec<Effect> {
            let mut input = BytesMut::from(bytes);
            let mut effects = Vec::new();
            while let Some(Wire { decoder, opened: true, .. }) = self.wires.get_mut(wire) {
                match decoder.decode(&mut input) {
                    Ok(Some(event)) => effects.extend(self.frame(wire, event)),
                    Ok(None) => break,
                    Err(error) => {
                        effects.extend(self.lose(wire, Some(error)));
                        break;
                    }
                }
            }
            effects
        }

        pub(crate) fn lose(&mut self, wire: usize, violation: Option<FrameError>) -> Vec<Effect> {
            let loss = violation.map_or(WireLoss::Disconnected, WireLoss::Violation);
            if let Some(wire) = self.wires.get(wire) {
                self.session.handle_wire_lost(wire.id, loss, self.now, &mut self.out);
            }
            self.carry_out()
        }

        pub(crate) fn flushed(&mut self, wire: usize) {
            if let Some(wire) = self.wires.get(wire) {
                self.session.handle_wire_flushed(wire.id);
            }
        }

        pub(crate) fn flush(&mut self) -> Vec<Effect> {
            let wanted = self.session.wants_flush();
            self.session.handle_flush(&mut self.out);
            assert_eq!(wanted, !self.out.is_empty(), "wants_flush tells the truth");
            self.carry_out()
        }

        pub(crate) fn close(&mut self, mode: CloseMode) -> Vec<Effect> {
            self.session.handle_close(mode, self.now, &mut self.out);
            assert!(!self.session.takes_messages());
            self.carry_out()
        }

        pub(crate) fn pause(&mut self, paused: bool) {
            match paused {
                true => self.session.handle_reading_paused(self.now),
                false => self.session.handle_reading_resumed(self.now),
            }
        }

        /// It is later; what is due is done.
        pub(crate) fn pass(&mut self, now: Moment) -> Vec<Effect> {
            let mut effects = Vec::new();
            while let Some(due) = self.session.next_timeout().filter(|due| *due <= now) {
                self.now = self.now.max(due);
                self.session.handle_timeout(self.now, &mut self.out);
                effects.extend(self.carry_out());
                if self.session.next_timeout() == Some(due) {
                    assert_eq!(due.as_nanos(), u64::MAX, "a deadline that has passed is not set again");
                    break;
                }
            }
            self.now = self.now.max(now);
            effects
        }

        pub(crate) fn next_timeout(&self) -> Option<Moment> {
            self.session.next_timeout()
        }

        pub(crate) fn wants_flush(&self) -> bool {
            self.session.wants_flush()
        }

        pub(crate) fn wants_write(&self, wire: usize) -> bool {
            self.wires.get(wire).is_some_and(|wire| self.session.wants_write(wire.id))
        }

        pub(crate) const fn now(&self) -> Moment {
            self.now
        }

        pub(crate) fn wires(&self) -> usize {
            self.wires.len()
        }
    };
}

pub(crate) use both_ends;
