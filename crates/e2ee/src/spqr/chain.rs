//! The symmetric half of the ratchet (Double Ratchet §5): per epoch a chain in each direction, one key a message.

use super::{Direction, EpochSecret, MessageSalt, SpqrError};
use crate::kdf;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// How far a message may be ahead of the last one received in its chain.
const JUMP_MAX: u32 = 25_000;
/// Keys of messages that were jumped over, per chain; the oldest go first.
const KEPT_MAX: usize = 2_000;
/// A kept key: its index, big-endian, and the key.
const RECORD_BYTES: usize = 4 + 32;
/// The epochs that can be alive: the one before the sending one, that one, and one or two agreed since.
const EPOCHS_MAX: usize = 4;
const START: &[u8] = b"Signal PQ Ratchet V1 Chain  Start";
const NEXT: &[u8] = b"Signal PQ Ratchet V1 Chain Next";
const ADD_EPOCH: &[u8] = b"Signal PQ Ratchet V1 Chain Add Epoch";

/// All epochs' chains of one side.
#[derive(Clone)]
pub(super) struct Chain {
    direction: Direction,
    next_root: Zeroizing<[u8; 32]>,
    first_epoch: u64,
    sending_epoch: u64,
    epochs: VecDeque<EpochChains>,
}

/// Both directions of an epoch. `sending` is gone once a later epoch is used for sending.
#[derive(Clone)]
pub(super) struct EpochChains {
    pub(super) sending: Option<Link>,
    pub(super) receiving: Link,
    pub(super) kept: KeptKeys,
}

/// A chain's head: how many keys it has given, and what the next follows from.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) count: u32,
    pub(super) key: Zeroizing<[u8; 32]>,
}

/// Keys of messages that have not arrived (yet), ascending by index, as stored.
#[derive(Clone, Default)]
pub(super) struct KeptKeys(Zeroizing<Vec<u8>>);

/// The sending chain's next step, not yet taken.
pub(super) struct Sending {
    epoch: u64,
    next: Link,
    pub(super) salt: MessageSalt,
}

/// A message's key on the receiving side, not yet used up.
pub(super) struct Receiving {
    position: usize,
    change: Change,
    pub(super) salt: MessageSalt,
}

enum Change {
    Took { record: usize },
    Advanced { next: Link, skipped: KeptKeys },
}

impl Sending {
    /// The key's index in its chain, from 1.
    pub(super) fn index(&self) -> u32 {
        self.next.count
    }
}

impl Chain {
    /// At the start: epoch 0.
    pub(super) fn new(pq_key: &[u8; 32], direction: Direction) -> Self {
        let mut chain = Self {
            direction,
            next_root: Zeroizing::default(),
            first_epoch: 0,
            sending_epoch: 0,
            epochs: VecDeque::new(),
        };
        chain.add(&kdf::hkdf::<96>(&[], pq_key, START));
        chain
    }

    /// As stored. `None` when no such chain can be.
    pub(super) fn from_parts(
        direction: Direction,
        next_root: Zeroizing<[u8; 32]>,
        (first_epoch, sending_epoch): (u64, u64),
        epochs: VecDeque<EpochChains>,
    ) -> Option<Self> {
        let count = u64::try_from(epochs.len()).ok()?;
        let end = first_epoch.checked_add(count)?;
        // Far from the end of the numbers, so that nothing overflows.
        let current = (first_epoch..end.min(u64::MAX / 2)).contains(&sending_epoch);
        (current && epochs.len() <= EPOCHS_MAX).then_some(Self {
            direction,
            next_root,
            first_epoch,
            sending_epoch,
            epochs,
        })
    }

    pub(super) fn direction(&self) -> Direction {
        self.direction
    }

    pub(super) fn next_root(&self) -> &[u8; 32] {
        &self.next_root
    }

    pub(super) fn first_epoch(&self) -> u64 {
        self.first_epoch
    }

    pub(super) fn sending_epoch(&self) -> u64 {
        self.sending_epoch
    }

    pub(super) fn epochs(&self) -> &VecDeque<EpochChains> {
        &self.epochs
    }

    /// The last epoch whose secret is known.
    pub(super) fn last_epoch(&self) -> u64 {
        (self.first_epoch..)
            .take(self.epochs.len())
            .last()
            .unwrap_or(self.first_epoch)
    }

    /// Whether nothing has been received with a key yet.
    pub(super) fn has_received(&self) -> bool {
        let used = |chains: &EpochChains| chains.receiving.count > 0;
        self.first_epoch > 0 || self.epochs.iter().any(used)
    }

    /// The next key for sending in an epoch.
    ///
    /// # Errors
    /// [`SpqrError::EpochUnknown`]; [`SpqrError::Exhausted`] after 2^32 - 1 messages.
    pub(super) fn next_sending(&self, epoch: u64) -> Result<Sending, SpqrError> {
        let chains = &self.epochs[self.position(epoch)?];
        let link = chains.sending.as_ref().ok_or(SpqrError::EpochUnknown)?;
        let (next, salt) = link.step().ok_or(SpqrError::Exhausted)?;
        Ok(Sending { epoch, next, salt })
    }

    /// Takes that step. Sending in an epoch for the first time ends all before, but for receiving in the last of them.
    pub(super) fn sent(&mut self, sending: Sending) {
        self.sending_epoch = self.sending_epoch.max(sending.epoch);
        while self.first_epoch + 1 < self.sending_epoch {
            self.epochs.pop_front();
            self.first_epoch += 1;
        }
        for (epoch, chains) in (self.first_epoch..).zip(&mut self.epochs) {
            if epoch < self.sending_epoch {
                chains.sending = None;
            } else if epoch == sending.epoch {
                chains.sending = Some(sending.next.clone());
            }
        }
    }

    /// The key of a message by epoch and index.
    ///
    /// # Errors
    /// [`SpqrError::EpochUnknown`]: past or to come; [`SpqrError::KeyUsed`]: used, or jumped over too long ago;
    /// [`SpqrError::TooFarAhead`].
    pub(super) fn next_receiving(&self, epoch: u64, index: u32) -> Result<Receiving, SpqrError> {
        let position = self.position(epoch)?;
        let chains = &self.epochs[position];
        if index <= chains.receiving.count {
            let (record, salt) = chains.kept.find(index).ok_or(SpqrError::KeyUsed)?;
            let change = Change::Took { record };
            return Ok(Receiving {
                position,
                change,
                salt,
            });
        }
        if index - chains.receiving.count > JUMP_MAX {
            return Err(SpqrError::TooFarAhead);
        }
        let (next, skipped, salt) = chains.receiving.jump(index);
        let change = Change::Advanced { next, skipped };
        Ok(Receiving {
            position,
            change,
            salt,
        })
    }

    /// Uses that key up.
    pub(super) fn received(&mut self, receiving: Receiving) {
        let chains = &mut self.epochs[receiving.position];
        match receiving.change {
            Change::Took { record } => chains.kept.remove(record),
            Change::Advanced { next, skipped } => {
                chains.receiving = next;
                chains.kept.append(&skipped);
            }
        }
    }

    /// Begins the next epoch, with the secret that was agreed on for it.
    pub(super) fn add_epoch(&mut self, secret: &EpochSecret) {
        self.add(&kdf::hkdf::<96>(&*self.next_root, &*secret.0, ADD_EPOCH));
    }

    fn add(&mut self, keys: &[u8; 96]) {
        let (thirds, _) = keys.as_chunks::<32>();
        let [next_root, from_initiator, from_responder] = [thirds[0], thirds[1], thirds[2]];
        let (sending, receiving) = match self.direction {
            Direction::Initiator => (from_initiator, from_responder),
            Direction::Responder => (from_responder, from_initiator),
        };
        *self.next_root = next_root;
        self.epochs.push_back(EpochChains {
            sending: Some(Link::new(0, sending)),
            receiving: Link::new(0, receiving),
            kept: KeptKeys::default(),
        });
    }

    fn position(&self, epoch: u64) -> Result<usize, SpqrError> {
        let distance = epoch.checked_sub(self.first_epoch);
        let position = distance.and_then(|distance| usize::try_from(distance).ok());
        position
            .filter(|position| *position < self.epochs.len())
            .ok_or(SpqrError::EpochUnknown)
    }
}

impl Link {
    pub(super) fn new(count: u32, key: [u8; 32]) -> Self {
        Self {
            count,
            key: Zeroizing::new(key),
        }
    }

    fn step(&self) -> Option<(Self, MessageSalt)> {
        let count = self.count.checked_add(1)?;
        let info: [&[u8]; 2] = [&count.to_be_bytes(), NEXT];
        let keys = kdf::hkdf_pieces::<64>(&[], &[&*self.key], &info);
        let mut next = Self::new(count, [0; 32]);
        let mut salt = MessageSalt(Zeroizing::default());
        next.key.copy_from_slice(&keys[..32]);
        salt.0.copy_from_slice(&keys[32..]);
        Some((next, salt))
    }

    /// Steps on to an index beyond this one. Of the keys on the way it keeps as many as may be kept.
    fn jump(&self, index: u32) -> (Self, KeptKeys, MessageSalt) {
        let mut link = self.clone();
        let mut skipped = KeptKeys::default();
        let mut salt = MessageSalt(Zeroizing::default());
        skipped.reserve((index - self.count) as usize);
        while link.count < index
            && let Some((next, key)) = link.step()
        {
            let left = (index - next.count) as usize;
            if (1..=KEPT_MAX).contains(&left) {
                skipped.push(next.count, &key);
            }
            (link, salt) = (next, key);
        }
        (link, skipped, salt)
    }
}

impl KeptKeys {
    /// As stored. `None` when too many, or not ascending and below `end`.
    pub(super) fn from_bytes(bytes: Zeroizing<Vec<u8>>, end: u32) -> Option<Self> {
        let kept = Self(bytes);
        let whole = kept.0.len().is_multiple_of(RECORD_BYTES);
        let ascending = kept.indices().is_sorted_by(|left, right| left < right);
        let below = kept.indices().all(|index| (1..end).contains(&index));
        let few = kept.0.len() / RECORD_BYTES <= KEPT_MAX;
        (whole && ascending && below && few).then_some(kept)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn find(&self, index: u32) -> Option<(usize, MessageSalt)> {
        let (records, _) = self.0.as_chunks::<RECORD_BYTES>();
        let position = self.indices().position(|kept| kept == index)?;
        let mut salt = MessageSalt(Zeroizing::default());
        salt.0.copy_from_slice(&records[position][4..]);
        Some((position, salt))
    }

    fn remove(&mut self, position: usize) {
        let start = position * RECORD_BYTES;
        self.0.drain(start..start + RECORD_BYTES);
    }

    /// Room for this many more, without leaving a copy of the keys behind in freed memory.
    fn reserve(&mut self, more: usize) {
        let room = self.0.len() + more.min(KEPT_MAX) * RECORD_BYTES;
        if room > self.0.capacity() {
            let mut larger = Vec::with_capacity(room);
            larger.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(larger);
        }
    }

    fn push(&mut self, index: u32, key: &MessageSalt) {
        self.0.extend_from_slice(&index.to_be_bytes());
        self.0.extend_from_slice(&*key.0);
    }

    /// Adds later ones and lets the oldest go.
    fn append(&mut self, later: &Self) {
        let length = self.0.len();
        let surplus = (length + later.0.len()).saturating_sub(KEPT_MAX * RECORD_BYTES);
        self.0.drain(..surplus.min(length));
        self.reserve(later.0.len() / RECORD_BYTES);
        self.0.extend_from_slice(&later.0);
    }

    fn indices(&self) -> impl Iterator<Item = u32> {
        let (records, _) = self.0.as_chunks::<RECORD_BYTES>();
        let index = |record: &[u8; RECORD_BYTES]| {
            u32::from_be_bytes([record[0], record[1], record[2], record[3]])
        };
        records.iter().map(index)
    }
}

#[cfg(test)]
mod tests;
