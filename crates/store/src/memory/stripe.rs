//! A part of what is kept: an index by digest over slots, in which a hand goes round (the CLOCK algorithm).
//!
//! Nothing here takes longer the more is kept.

use super::known::KnownSession;
use hashbrown::HashTable;
use keyward_model::Digest;
use std::sync::Arc;

/// How many slots are looked at for what is over, whenever something is kept: enough that a quarter is over at most.
const SWEPT: usize = 4;
/// How many that were used lately are passed over before one of them goes all the same.
const SPARED_MAX: usize = 16;

/// A part of memory.
#[derive(Debug)]
pub(super) struct Stripe {
    index: HashTable<u32>,
    slots: Vec<Option<Arc<KnownSession>>>,
    free: Vec<u32>,
    hand: usize,
    bytes: usize,
}

impl Stripe {
    pub(super) fn new() -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
        }
    }

    pub(super) fn length(&self) -> usize {
        self.index.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<KnownSession>> {
        let slot = *self.index.find(hash_of(digest), self.has(digest))?;
        let known = self.slots.get(slot as usize)?.as_ref()?;
        known.note_used();
        Some(known.clone())
    }

    /// Keeps a session, and lets go of what is over or, for want of room, was not used lately.
    pub(super) fn keep(
        &mut self,
        known: Arc<KnownSession>,
        bytes_max: usize,
        is_over: impl Fn(&KnownSession) -> bool,
    ) {
        self.take(known.digest());
        for _ in 0..SWEPT {
            let slot = self.advance();
            if self.at(slot).is_some_and(&is_over) {
                self.empty(slot);
            }
        }
        while self.bytes + known.bytes() > bytes_max && !self.index.is_empty() {
            self.evict();
        }
        self.put(known);
    }

    fn put(&mut self, known: Arc<KnownSession>) {
        let (hash, bytes) = (hash_of(known.digest()), known.bytes());
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                // A stripe of so many slots would take far more bytes than it may.
                let Ok(slot) = u32::try_from(self.slots.len()) else {
                    return;
                };
                self.slots.push(None);
                slot
            }
        };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(known);
        }
        let slots = &self.slots;
        let rehash = |slot: &u32| match slots.get(*slot as usize) {
            Some(Some(known)) => hash_of(known.digest()),
            _ => 0,
        };
        self.index.insert_unique(hash, slot, rehash);
        self.bytes += bytes;
    }

    /// Lets one go that was not used since the hand was there last.
    fn evict(&mut self) {
        let mut spared = 0;
        for _ in 0..=self.slots.len() {
            let slot = self.advance();
            match self.at(slot) {
                Some(known) if spared < SPARED_MAX && known.take_used() => spared += 1,
                Some(_) => return self.empty(slot),
                None => {}
            }
        }
    }

    fn take(&mut self, digest: &Digest) {
        let found = self.index.find(hash_of(digest), self.has(digest)).copied();
        if let Some(slot) = found {
            self.empty(slot as usize);
        }
    }

    fn empty(&mut self, slot: usize) {
        let Some(known) = self.slots.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.bytes -= known.bytes();
        let is_it = |other: &u32| *other as usize == slot;
        if let Ok(entry) = self.index.find_entry(hash_of(known.digest()), is_it) {
            entry.remove();
        }
        self.free.extend(u32::try_from(slot));
    }

    fn at(&self, slot: usize) -> Option<&KnownSession> {
        self.slots.get(slot)?.as_deref()
    }

    fn advance(&mut self) -> usize {
        let slot = self.hand;
        self.hand = if slot + 1 < self.slots.len() {
            slot + 1
        } else {
            0
        };
        slot
    }

    fn has<'a>(&'a self, digest: &'a Digest) -> impl Fn(&u32) -> bool + 'a {
        move |slot| {
            self.at(*slot as usize)
                .is_some_and(|known| known.digest() == digest)
        }
    }
}

/// A digest is as good a hash as any; its first byte has chosen the stripe.
fn hash_of(digest: &Digest) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.0[8..16]);
    u64::from_le_bytes(bytes)
}
