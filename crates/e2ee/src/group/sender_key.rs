//! What a receiver keeps of one sender in one group.

use prost::Message;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::kept_keys::{KEPT_KEYS_MAX, KeptKeys};
use crate::keys::{PublicKey, VerifyingKey};
use crate::ratchet::{Chain, ChainSecret, MessageSeed};
use crate::secret::Secret;
use crate::symmetric;

use super::fields::{StoredChain, StoredRecord};
use super::{Distribution, GroupError, GroupKeys, GroupMessage};

/// The most chains of one sender that are kept; beyond, the one that was learned first is given up.
const CHAINS_MAX: usize = 5;

/// The most messages that may be missing before the one that came.
const FORWARD_JUMPS_MAX: u32 = 25_000;

const STORED_VERSION: u32 = 1;

/// The chains of one sender in one group, the newest first. Load, act, store.
#[derive(Debug, Clone)]
pub struct SenderKeyRecord {
    distribution_id: Uuid,
    chains: Vec<SenderChain>,
}

/// What came of a distribution message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// A chain that was not known.
    New,
    /// The chain is known and stays where it is: a distribution message that comes again opens nothing again.
    Known,
    /// The sender has given the same id to another chain, and this is the one that holds from now on. It does not happen by
    /// chance (one in 2^31), so the app may want to say so.
    Replaced,
}

#[derive(Debug, Clone)]
struct SenderChain {
    id: u32,
    chain: Chain,
    signing_key: VerifyingKey,
    kept: KeptKeys,
}

impl SenderKeyRecord {
    /// No chain yet.
    #[must_use]
    pub fn new(distribution_id: Uuid) -> Self {
        Self {
            distribution_id,
            chains: Vec::new(),
        }
    }

    /// Takes a chain from its sender: only out of a session message of that very sender.
    ///
    /// # Errors
    /// [`GroupError::OtherGroup`].
    pub fn learn(&mut self, distribution: &Distribution) -> Result<Learned, GroupError> {
        if distribution.distribution_id != self.distribution_id {
            return Err(GroupError::OtherGroup);
        }
        let (learned, chain) = match self.take(distribution.chain_id) {
            Some(known) if *known.signing_key.key() == distribution.signing_key => {
                (Learned::Known, known)
            }
            Some(_) => (Learned::Replaced, SenderChain::begin(distribution)),
            None => (Learned::New, SenderChain::begin(distribution)),
        };
        self.chains.insert(0, chain);
        self.chains.truncate(CHAINS_MAX);
        Ok(learned)
    }

    /// Opens a message of the sender.
    ///
    /// # Errors
    /// [`GroupError`]; the record is then unchanged.
    pub fn decrypt(&mut self, message: &GroupMessage<'_>) -> Result<Vec<u8>, GroupError> {
        if message.distribution_id() != self.distribution_id {
            return Err(GroupError::OtherGroup);
        }
        let chain = self
            .chains
            .iter_mut()
            .find(|chain| chain.id == message.chain_id)
            .ok_or(GroupError::NoSenderKey)?;
        // First, so that only the sender can make us follow its chain.
        if !message.is_signed_by(&chain.signing_key) {
            return Err(GroupError::Signature);
        }
        chain.decrypt(message)
    }

    /// Whether a chain of the sender is known: a first distribution message has come.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.chains.is_empty()
    }

    fn take(&mut self, chain_id: u32) -> Option<SenderChain> {
        let position = self.chains.iter().position(|chain| chain.id == chain_id)?;
        Some(self.chains.remove(position))
    }

    /// The bytes to store: secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut stored = StoredRecord {
            version: STORED_VERSION,
            distribution_id: self.distribution_id.as_bytes().to_vec(),
            chains: self.chains.iter().map(SenderChain::to_stored).collect(),
        };
        let bytes = Zeroizing::new(stored.encode_to_vec());
        for chain in &mut stored.chains {
            chain.chain_key.zeroize();
            chain.kept_keys.zeroize();
        }
        bytes
    }

    /// Reads what [`SenderKeyRecord::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`GroupError::Stored`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        let stored = StoredRecord::decode(bytes).map_err(|_| GroupError::Stored)?;
        if stored.version != STORED_VERSION || stored.chains.len() > CHAINS_MAX {
            return Err(GroupError::Stored);
        }
        let chains = stored.chains.into_iter().map(SenderChain::from_stored);
        Ok(Self {
            distribution_id: Uuid::from_slice(&stored.distribution_id)
                .map_err(|_| GroupError::Stored)?,
            chains: chains.collect::<Option<_>>().ok_or(GroupError::Stored)?,
        })
    }
}

impl SenderChain {
    fn begin(distribution: &Distribution) -> Self {
        Self {
            id: distribution.chain_id,
            chain: distribution.chain.clone(),
            signing_key: VerifyingKey::new(&distribution.signing_key),
            kept: KeptKeys::default(),
        }
    }

    /// The message's signature held. The chain moves only once the text is there.
    fn decrypt(&mut self, message: &GroupMessage<'_>) -> Result<Vec<u8>, GroupError> {
        if message.iteration < self.chain.index() {
            return self.decrypt_late(message);
        }
        let mut ahead = self.chain.clone();
        let mut skipped = Vec::new();
        let seed = follow(&mut ahead, message.iteration, &mut skipped)?;
        let text = open(&seed, &message.ciphertext)?;
        self.chain = ahead;
        self.kept.make_room(skipped.len());
        for (iteration, seed) in &skipped {
            self.kept.push(*iteration, seed);
        }
        Ok(text)
    }

    fn decrypt_late(&mut self, message: &GroupMessage<'_>) -> Result<Vec<u8>, GroupError> {
        let seed = self
            .kept
            .find(message.iteration)
            .ok_or(GroupError::Duplicate)?;
        let text = open(&seed, &message.ciphertext)?;
        self.kept.take(message.iteration);
        Ok(text)
    }

    fn to_stored(&self) -> StoredChain {
        StoredChain {
            chain_id: self.id,
            iteration: self.chain.index(),
            chain_key: self.chain.secret().0.expose().to_vec(),
            signing_key: self.signing_key.key().as_bytes().to_vec(),
            signing_edwards: self.signing_key.edwards().map(|form| form.to_vec()),
            kept_keys: self.kept.as_bytes().to_vec(),
        }
    }

    fn from_stored(mut stored: StoredChain) -> Option<Self> {
        let secret = Secret::from_slice(&stored.chain_key);
        stored.chain_key.zeroize();
        let edwards = match stored.signing_edwards {
            Some(form) => Some(form.as_slice().try_into().ok()?),
            None => None,
        };
        let signing_key = PublicKey::from_bytes(&stored.signing_key).ok()?;
        Some(Self {
            id: stored.chain_id,
            chain: Chain::from_kept(ChainSecret(secret?), stored.iteration),
            signing_key: VerifyingKey::from_kept(signing_key, edwards),
            kept: KeptKeys::from_stored(stored.kept_keys)?,
        })
    }
}

/// The seed of message `iteration`; of those before it the newest go into `skipped`, no more than are kept.
fn follow(
    chain: &mut Chain,
    iteration: u32,
    skipped: &mut Vec<(u32, MessageSeed)>,
) -> Result<MessageSeed, GroupError> {
    if iteration.saturating_sub(chain.index()) > FORWARD_JUMPS_MAX {
        return Err(GroupError::TooFarAhead);
    }
    while chain.index() < iteration {
        let index = chain.index();
        let seed = chain.next_seed().ok_or(GroupError::Exhausted)?;
        if (iteration - index) as usize <= KEPT_KEYS_MAX {
            skipped.push((index, seed));
        }
    }
    chain.next_seed().ok_or(GroupError::Exhausted)
}

fn open(seed: &MessageSeed, ciphertext: &[u8]) -> Result<Vec<u8>, GroupError> {
    let keys = GroupKeys::derive(seed);
    symmetric::decrypt(&keys.cipher_key(), &keys.iv(), ciphertext).map_err(|_| GroupError::Padding)
}
