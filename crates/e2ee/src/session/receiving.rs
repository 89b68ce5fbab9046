//! The chains on which messages come in: the newest of the other side's ratchet keys, and some before it.

use crate::keys::PublicKey;
use crate::ratchet::{Chain, MessageSeed};

use super::SessionError;
use crate::kept_keys::{KEPT_KEYS_MAX, KeptKeys};

/// The most chains of one session; beyond, the oldest is given up.
pub(super) const RECEIVING_CHAINS_MAX: usize = 5;

/// The most messages that may be missing before the one that came.
const FORWARD_JUMPS_MAX: u32 = 25_000;

/// The chain of one of the other side's ratchet keys.
#[derive(Debug)]
pub(super) struct ReceivingChain {
    pub(super) key: PublicKey,
    pub(super) chain: Chain,
    pub(super) kept: KeptKeys,
}

impl ReceivingChain {
    /// A chain at its first message.
    pub(super) fn begin(key: PublicKey, chain: Chain) -> Self {
        Self {
            key,
            chain,
            kept: KeptKeys::default(),
        }
    }

    /// The seed of message `counter`, given out once. Those before it that have not come are kept, the newest at least.
    pub(super) fn seed(&mut self, counter: u32) -> Result<MessageSeed, SessionError> {
        let Some(missing) = counter.checked_sub(self.chain.index()) else {
            return self.kept.take(counter).ok_or(SessionError::Duplicate);
        };
        if missing > FORWARD_JUMPS_MAX {
            return Err(SessionError::TooFarAhead);
        }
        self.kept.make_room(missing as usize);
        while self.chain.index() < counter {
            let index = self.chain.index();
            let seed = self.chain.next_seed().ok_or(SessionError::Exhausted)?;
            if (counter - index) as usize <= KEPT_KEYS_MAX {
                self.kept.push(index, &seed);
            }
        }
        self.chain.next_seed().ok_or(SessionError::Exhausted)
    }
}

/// The chains, oldest first.
#[derive(Debug, Default)]
pub(super) struct ReceivingChains(Vec<ReceivingChain>);

impl ReceivingChains {
    /// What was stored; none when there are too many.
    pub(super) fn from_stored(chains: Vec<ReceivingChain>) -> Option<Self> {
        (chains.len() <= RECEIVING_CHAINS_MAX).then_some(Self(chains))
    }

    /// The chains, oldest first.
    pub(super) fn into_iter(self) -> impl Iterator<Item = ReceivingChain> {
        self.0.into_iter()
    }

    /// The chain of a ratchet key.
    pub(super) fn find(&mut self, key: &PublicKey) -> Option<&mut ReceivingChain> {
        self.0.iter_mut().rev().find(|chain| chain.key == *key)
    }

    /// Adds the newest, and gives up the oldest where there are too many.
    pub(super) fn push(&mut self, chain: ReceivingChain) {
        if self.0.len() >= RECEIVING_CHAINS_MAX {
            self.0.remove(0);
        }
        self.0.push(chain);
    }
}
