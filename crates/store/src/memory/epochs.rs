//! Epochs: what was read in an earlier one is forgotten.

use std::sync::atomic::{AtomicU32, Ordering};
use uuid::Uuid;

/// A slot for so many bytes of memory, which is two or three sessions: the slots take half a percent of it.
const BYTES_PER_SLOT: usize = 1_024;
const SLOTS_MIN: usize = 1_024;

/// The epochs that a read began in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) everything: u32,
    pub(super) tenant: u32,
    pub(super) user: u32,
    pub(super) session: u32,
    pub(super) token: u32,
}

/// A counter for every id, many ids to one. Ids that share one end together: who did not have to is only slower once.
#[derive(Debug)]
pub(super) struct Epochs {
    slots: Box<[AtomicU32]>,
}

impl Epochs {
    pub(super) fn for_memory_of(bytes_max: usize) -> Self {
        let length = (bytes_max / BYTES_PER_SLOT)
            .max(SLOTS_MIN)
            .next_power_of_two();
        Self {
            slots: (0..length).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    pub(super) fn of(&self, id: Uuid) -> u32 {
        self.slot(id).load(Ordering::SeqCst)
    }

    /// Ends the epoch. Whoever compares from here on sees that it ended.
    pub(super) fn count_on(&self, id: Uuid) {
        self.slot(id).fetch_add(1, Ordering::SeqCst);
    }

    /// By the random tail of the id.
    fn slot(&self, id: Uuid) -> &AtomicU32 {
        let (_, tail) = id.as_u64_pair();
        &self.slots[tail as usize & (self.slots.len() - 1)]
    }
}
