//! [`Gate`]: counts who is in, and says who may come: a number at once, a number of one address, a number a second. Used
//! once for sessions and once for the listener's connections; what they are and what is answered is known elsewhere.
//!
//! INVARIANT: a gate that has no bound takes no lock and keeps nothing of anybody.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use engineio_proto::Moment;

const SECOND: Duration = Duration::from_secs(1);

/// The bounds of a gate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    pub(super) at_once: Option<usize>,
    pub(super) of_one_address: Option<usize>,
    pub(super) per_second: Option<NonZeroU32>,
}

/// Who is in.
#[derive(Debug)]
pub(super) struct Gate {
    bounds: Bounds,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    count: usize,
    by_address: HashMap<Address, usize>,
    /// When the next may come, were each to take its share of a second: ahead of now by less than a second where there is
    /// still room in this one.
    due: Moment,
}

/// What counts as one address: a host of IPv4, a /64 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Address {
    V4([u8; 4]),
    V6([u16; 4]),
}

impl From<SocketAddr> for Address {
    fn from(peer: SocketAddr) -> Self {
        match peer.ip().to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// A place inside, given back when it is dropped. Nothing where there is no bound to count for.
#[derive(Debug)]
pub(super) struct Pass(Option<(Arc<Gate>, Option<Address>)>);

impl Pass {
    /// Whether the gate counts it, so that it has to be kept.
    pub(super) const fn counts(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some((gate, address)) = self.0.take() {
            gate.leave(address);
        }
    }
}

/// There is no room, or it goes too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Gate {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, inside: Mutex::default() })
    }

    /// Lets somebody in, or does not.
    pub(super) fn enter(self: &Arc<Self>, peer: Option<SocketAddr>, now: Moment) -> Result<Pass, Full> {
        let Bounds { at_once, of_one_address, per_second } = self.bounds;
        if at_once.is_none() && of_one_address.is_none() && per_second.is_none() {
            return Ok(Pass(None));
        }
        let address = peer.filter(|_| of_one_address.is_some()).map(Address::from);
        let mut inside = self.lock();
        if at_once.is_some_and(|most| inside.count >= most) {
            return Err(Full);
        }
        let same = address.and_then(|address| inside.by_address.get(&address)).copied().unwrap_or_default();
        if of_one_address.is_some_and(|most| address.is_some() && same >= most) {
            return Err(Full);
        }
        if let Some(rate) = per_second {
            let share = SECOND / rate.get();
            let due = inside.due.max(now);
            if due.saturating_since(now) + share > SECOND {
                return Err(Full);
            }
            inside.due = due + share;
        }
        inside.count += 1;
        if let Some(address) = address {
            *inside.by_address.entry(address).or_default() += 1;
        }
        drop(inside);
        Ok(Pass(Some((self.clone(), address))))
    }

    fn leave(&self, address: Option<Address>) {
        let mut inside = self.lock();
        inside.count -= 1;
        let Some(address) = address else { return };
        if let Some(same) = inside.by_address.get_mut(&address) {
            *same -= 1;
            if *same == 0 {
                inside.by_address.remove(&address);
            }
        }
        // A flood from everywhere leaves no table behind.
        if inside.by_address.is_empty() {
            inside.by_address = HashMap::new();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(text.parse().unwrap(), 4711))
    }

    const NOW: Moment = Moment::EPOCH;

    #[test]
    fn a_place_that_is_given_back_can_be_had_again() {
        let gate = Gate::new(Bounds { at_once: Some(2), ..Bounds::default() });
        let first = gate.enter(None, NOW).unwrap();
        let _second = gate.enter(None, NOW).unwrap();
        assert_eq!(gate.enter(None, NOW).unwrap_err(), Full);
        drop(first);
        let _third = gate.enter(None, NOW).unwrap();
        assert_eq!(gate.enter(None, NOW).unwrap_err(), Full);
    }

    #[test]
    fn an_address_has_places_of_its_own_and_a_network_of_ipv6_counts_as_one() {
        let gate = Gate::new(Bounds { of_one_address: Some(1), ..Bounds::default() });
        let mut inside = Vec::new();
        for (address, may) in [
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8:1:2::1", true),
            ("2001:db8:1:2:ffff::9", false),
            ("2001:db8:1:3::1", true),
        ] {
            let pass = gate.enter(peer(address), NOW);
            assert_eq!(pass.is_ok(), may, "{address}");
            inside.extend(pass);
        }
        // Who has no address is not counted by it.
        inside.extend([gate.enter(None, NOW).unwrap(), gate.enter(None, NOW).unwrap()]);
        drop(inside);
        let left = gate.lock();
        assert_eq!((left.count, left.by_address.capacity()), (0, 0), "nothing is left behind");
        drop(left);
        assert!(gate.enter(peer("192.0.2.1"), NOW).is_ok());
    }

    #[test]
    fn a_second_has_its_number_and_a_quiet_one_saves_no_more_than_that() {
        let gate = Gate::new(Bounds { per_second: NonZeroU32::new(10), ..Bounds::default() });
        let come = |now| (0..100).filter(|_| gate.enter(None, now).is_ok()).count();
        assert_eq!(come(NOW), 10);
        assert_eq!(come(NOW + Duration::from_millis(99)), 0);
        assert_eq!(come(NOW + Duration::from_millis(100)), 1);
        assert_eq!(come(NOW + Duration::from_millis(450)), 3);
        assert_eq!(come(NOW + Duration::from_secs(3600)), 10);
    }

    #[test]
    fn without_a_bound_nobody_is_counted() {
        let gate = Gate::new(Bounds::default());
        let pass = gate.enter(peer("192.0.2.1"), NOW).unwrap();
        assert!(!pass.counts());
        assert_eq!(gate.lock().count, 0);
    }
}
