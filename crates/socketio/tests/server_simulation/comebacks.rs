//! [`Pass`]: what a client keeps of a session to come back to it, and what clients claim with: mostly that, sometimes what
//! is older, another's, or made up. [SIO5 Connection state recovery] (D106)
//!
//! Leaves out what the server has to make of it (`sessions.rs`).

use serde::{Deserialize, Serialize};

use crate::{
    PLACES,
    life::{Life, Place},
    world::World,
};

/// What a client that asks to join may ask for beside that.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) pid: String,
    /// The last event that it has read.
    pub(crate) mark: Option<Mark>,
    /// One that it had read before.
    before: Option<Mark>,
    /// The server cannot but know the mark.
    pub(crate) is_sure: bool,
}

/// A place among the events of a namespace.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) offset: String,
    /// What that stands for; `None` where it is no offset of there.
    pub(crate) behind: Option<Behind>,
}

/// Which events come behind an offset: none up to the first number, perhaps some up to the second, and all from there on.
/// They differ where a volatile event came with the offset of one that was dropped from a full queue.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Behind(pub(crate) u64, pub(crate) u64);

/// What the server must take for no offset of its own.
fn bad(offset: &str) -> Option<Mark> {
    Some(Mark { offset: offset.to_owned(), behind: None })
}

impl Mark {
    /// Whether the offset is that of an event which the client has read.
    fn is_own(&self) -> bool {
        self.behind.is_some_and(|Behind(least, most)| least == most && most > 0)
    }
}

impl Pass {
    /// A session begins, or goes on behind what was claimed.
    pub(crate) fn new(pid: String, claim: Option<&Self>) -> Self {
        let mark = claim.filter(|claim| claim.pid == pid).and_then(|claim| claim.mark.clone());
        Self { pid, mark, before: None, is_sure: true }
    }

    /// An event has come with this offset, which is another's where the event is volatile.
    pub(crate) fn read(&mut self, number: u64, offset: String, is_volatile: bool, remember: bool) {
        if is_volatile {
            let has_none = self.mark.as_ref().is_none_or(|mark| mark.offset.is_empty());
            assert!(has_none || !offset.is_empty(), "{number} spoils the offset");
            if self.mark.as_ref().is_some_and(|mark| mark.offset == offset) {
                return;
            }
        }
        let least = match &self.mark {
            _ if !is_volatile => number,
            Some(Mark { behind: Some(Behind(least, _)), .. }) => *least,
            _ => 0,
        };
        // Without any offset, all that came since it joined is missing.
        let behind = if offset.is_empty() { Behind::default() } else { Behind(least, number) };
        let before = self.mark.replace(Mark { offset, behind: Some(behind) });
        if remember {
            self.before = before;
        }
    }
}

impl World {
    /// What a client comes back with, if it does.
    pub(crate) fn choose_claim(&mut self, life: usize, place: usize) -> Option<Pass> {
        self.plan.returning.as_ref()?;
        let (roll, chance) = {
            let dice = &mut self.lives[life].dice;
            (dice.below(115), dice.below(1 << 32))
        };
        let client = self.lives[life].client;
        let passes = |here: usize, is_mine: bool| -> Vec<&Pass> {
            let lives = self.lives.iter().filter(|life| (life.client == client) == is_mine);
            lives.filter_map(|life: &Life| pass_of(&life.places[here])).collect()
        };
        let any = |passes: Vec<&Pass>| -> Option<Pass> {
            let at = chance.checked_rem(passes.len() as u64)?;
            Some(passes[at as usize].clone())
        };
        let elsewhere = (place + 1) % PLACES.len();
        let this = &self.lives[life].places[place];
        if this.id.is_some() {
            // Behind its last time there, it could not tell whose the events before the CONNECT are.
            return this.pass.clone().filter(|_| roll < 60);
        }
        let mine = passes(place, true);
        let last = (*mine.last()?).clone();
        let with = |mark: Option<Mark>| Some(Pass { mark, ..last.clone() });
        match roll {
            0..6 => with(last.before.clone()),
            6..10 => with(None),
            10..15 => {
                let mark = any(passes(place, false))?.mark.filter(Mark::is_own)?;
                Some(Pass { mark: Some(mark), is_sure: false, ..last })
            }
            15..18 => with(bad(&any(passes(elsewhere, true))?.mark.filter(Mark::is_own)?.offset)),
            18..20 => with(bad("not an offset")),
            20..22 => Some(Pass { pid: "made up".to_owned(), ..last }),
            22..25 => Some(Pass { pid: any(passes(elsewhere, true))?.pid, ..last }),
            25..29 => any(mine),
            29..32 => any(passes(place, false)),
            32..42 => None,
            _ => Some(last),
        }
    }
}

fn pass_of(place: &Place) -> Option<&Pass> {
    place.pass.as_ref()
}
