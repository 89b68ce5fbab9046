//! The counts: GCRA in a table whose size is fixed.
//!
//! The generic cell rate algorithm keeps one moment for each caller: until when its requests so far use up its
//! rate. A request is taken if that moment lies no farther ahead than the burst allows.
//!
//! A caller's moment stands in one of the few slots of the set that its hash names. A caller that has none takes over the
//! slot whose moment is the earliest, *with* that moment. So a flood of callers needs no more memory, and nobody wins
//! by being forgotten: whoever was pushed out finds all moments of its set later than its own was, since they
//! only move ahead. A set whose slots are all in the past, which is the rule, costs nobody anything.

use super::{Kind, RateLimit, Standing};
use keyward_model::Timestamp;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// 65,536 callers, 1.1 MiB: more than the requests of a second, which are nearly all that has not been made up for yet.
const SETS: usize = 8_192;
/// As many as fit into two lines of cache.
const SLOTS: usize = 8;
/// How far a moment may lie beyond what it can be before the clock must have been put back.
const CLOCK_SLACK_MICROS: i64 = 1_000_000;

/// The counts of one kind of caller.
#[derive(Debug)]
pub(super) struct Buckets {
    kind: Kind,
    limit: RateLimit,
    sets: Box<[Mutex<Set>]>,
    /// Seeded at start: nobody outside knows who shares a set with whom.
    hasher: RandomState,
}

type Set = [Slot; SLOTS];

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The hash of the caller.
    caller: u64,
    /// Until when its requests use up its rate, in microseconds.
    used_until: i64,
}

impl Buckets {
    pub(super) fn new(kind: Kind, limit: RateLimit) -> Self {
        Self::of_size(kind, limit, SETS)
    }

    pub(super) fn of_size(kind: Kind, limit: RateLimit, sets: usize) -> Self {
        Self {
            kind,
            limit,
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a request.
    pub(super) fn take(&self, caller: u128, now: Timestamp) -> Standing {
        let (now, window) = (now.micros(), self.limit.window_micros());
        let caller = self.hasher.hash_one(caller);
        let mut set = self.set_of(caller);
        let slot = slot_of(&mut set, caller);
        slot.caller = caller;
        if slot.used_until > now + window + CLOCK_SLACK_MICROS {
            // Only a clock that was put back leads here; waiting for the old time would lock everybody out.
            slot.used_until = now + window;
        }
        let until = slot.used_until.max(now) + self.limit.interval_micros();
        let ahead = until - now;
        let taken = ahead <= window;
        if taken {
            slot.used_until = until;
        }
        self.standing(
            slot.used_until.max(now) - now,
            (!taken).then(|| ahead - window),
        )
    }

    /// Takes back one request that was counted, unless that would make the slot the earliest of its set: a
    /// caller that was pushed out may rely on the others.
    pub(super) fn give_back(&self, caller: u128) {
        let caller = self.hasher.hash_one(caller);
        let mut set = self.set_of(caller);
        let Some(index) = set.iter().position(|slot| slot.caller == caller) else {
            return;
        };
        let others = (0..SLOTS).filter(|other| *other != index);
        let earliest = others.map(|other| set[other].used_until).min().unwrap_or(0);
        let slot = &mut set[index];
        let before = slot.used_until - self.limit.interval_micros();
        slot.used_until = slot.used_until.min(before.max(earliest));
    }

    fn standing(&self, used_micros: i64, retry_after_micros: Option<i64>) -> Standing {
        let left = (self.limit.window_micros() - used_micros).max(0);
        Standing {
            kind: self.kind,
            limit: self.limit,
            remaining: u32::try_from(left / self.limit.interval_micros()).unwrap_or(0),
            whole_after_micros: used_micros,
            retry_after_micros,
        }
    }

    fn set_of(&self, caller: u64) -> MutexGuard<'_, Set> {
        let index = usize::try_from(caller % self.sets.len() as u64).unwrap_or(0);
        self.sets[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller's own slot, or the one that it takes over.
fn slot_of(set: &mut Set, caller: u64) -> &mut Slot {
    let own = set.iter().position(|slot| slot.caller == caller);
    let index = own.unwrap_or_else(|| {
        let moments = set.iter().enumerate();
        let earliest = moments.min_by_key(|(_, slot)| slot.used_until);
        earliest.map_or(0, |(index, _)| index)
    });
    &mut set[index]
}
