//! The seeds of messages that have not come yet.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::ratchet::MessageSeed;
use crate::secret::{SECRET_BYTES, Secret};

/// The most seeds that a chain keeps; beyond, the oldest are given up.
pub(crate) const KEPT_KEYS_MAX: usize = 2000;

const COUNTER_BYTES: usize = 4;
const ENTRY_BYTES: usize = COUNTER_BYTES + SECRET_BYTES;

/// Counter (big-endian) and seed, entry behind entry, by ascending counter: as stored, so that loading copies and no more.
#[derive(Clone, Default)]
pub(crate) struct KeptKeys(Zeroizing<Vec<u8>>);

impl KeptKeys {
    /// What was stored; none unless it is whole entries, not too many, in their order.
    pub(crate) fn from_stored(bytes: Vec<u8>) -> Option<Self> {
        let kept = Self(Zeroizing::new(bytes));
        let is_whole = kept.0.len().is_multiple_of(ENTRY_BYTES) && kept.len() <= KEPT_KEYS_MAX;
        (is_whole && kept.counters().is_sorted()).then_some(kept)
    }

    /// The bytes to store, which the caller wipes.
    pub(crate) fn into_stored(mut self) -> Vec<u8> {
        core::mem::take(&mut *self.0)
    }

    /// The bytes to store.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Gives up the oldest and makes room for `count` more, all at once: at most [`KEPT_KEYS_MAX`] are kept then.
    pub(crate) fn make_room(&mut self, count: usize) {
        let count = count.min(KEPT_KEYS_MAX);
        let given_up = (self.len() + count).saturating_sub(KEPT_KEYS_MAX);
        if given_up > 0 {
            self.remove(0, given_up);
        }
        let needed = self.0.len() + count * ENTRY_BYTES;
        if needed > self.0.capacity() {
            // Moved to a new place, so that the old one is wiped and not just given back.
            let mut grown = Zeroizing::new(Vec::with_capacity(needed));
            grown.extend_from_slice(&self.0);
            self.0 = grown;
        }
    }

    /// Keeps the seed of a message that is later than all that are kept.
    pub(crate) fn push(&mut self, counter: u32, seed: &MessageSeed) {
        if self.len() >= KEPT_KEYS_MAX || self.0.len() + ENTRY_BYTES > self.0.capacity() {
            self.make_room(1);
        }
        self.0.extend_from_slice(&counter.to_be_bytes());
        self.0.extend_from_slice(seed.0.expose());
    }

    /// The seed of a message, which stays kept.
    pub(crate) fn find(&self, counter: u32) -> Option<MessageSeed> {
        let start = self.position(counter)? * ENTRY_BYTES + COUNTER_BYTES;
        Secret::from_slice(self.0.get(start..start + SECRET_BYTES)?).map(MessageSeed)
    }

    /// Gives out the seed of a message, for good.
    pub(crate) fn take(&mut self, counter: u32) -> Option<MessageSeed> {
        let seed = self.find(counter)?;
        self.remove(self.position(counter)?, 1);
        Some(seed)
    }

    fn len(&self) -> usize {
        self.0.len() / ENTRY_BYTES
    }

    fn counters(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| &entry[..COUNTER_BYTES])
    }

    fn position(&self, counter: u32) -> Option<usize> {
        let wanted = counter.to_be_bytes();
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            let start = middle * ENTRY_BYTES;
            match self.0.get(start..start + COUNTER_BYTES)?.cmp(&wanted) {
                core::cmp::Ordering::Less => from = middle + 1,
                core::cmp::Ordering::Equal => return Some(middle),
                core::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    fn remove(&mut self, position: usize, count: usize) {
        let start = position * ENTRY_BYTES;
        let kept = self.0.len() - count * ENTRY_BYTES;
        self.0.copy_within(start + count * ENTRY_BYTES.., start);
        self.0[kept..].zeroize();
        self.0.truncate(kept);
    }
}

impl fmt::Debug for KeptKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeptKeys({})", self.len())
    }
}

#[cfg(test)]
mod tests;
