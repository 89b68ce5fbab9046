//! The chains of the Double Ratchet (signal.org/docs, Double Ratchet, §2 and §5.2) with the labels of the wire.

use zeroize::Zeroizing;

use crate::kdf::{hkdf, hmac};
use crate::keys::SharedSecret;
use crate::secret::{SECRET_BYTES, Secret};

/// What each step with a new ratchet key starts from.
#[derive(Debug, Clone)]
pub(crate) struct RootKey(pub(crate) Secret);

/// The secret of a chain before its next message.
#[derive(Debug, Clone)]
pub(crate) struct ChainSecret(pub(crate) Secret);

/// What the keys of one message are derived from; kept for a message that is late.
#[derive(Debug, Clone)]
pub(crate) struct MessageSeed(pub(crate) Secret);

impl RootKey {
    /// A step with an agreement of ratchet keys: the next root and the new chain.
    pub(crate) fn step(&self, agreed: &SharedSecret) -> (Self, Chain) {
        let derived = hkdf::<64>(self.0.expose(), agreed.as_slice(), b"WhisperRatchet");
        let chain = ChainSecret(Secret::of_derived(&derived, SECRET_BYTES));
        (Self(Secret::of_derived(&derived, 0)), Chain::begin(chain))
    }
}

/// A chain and the number of its next message.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    secret: ChainSecret,
    index: u32,
}

impl Chain {
    /// A chain at its first message.
    pub(crate) fn begin(secret: ChainSecret) -> Self {
        Self { secret, index: 0 }
    }

    /// A chain that was kept.
    pub(crate) fn from_kept(secret: ChainSecret, index: u32) -> Self {
        Self { secret, index }
    }

    /// The number of the next message.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The secret to keep.
    pub(crate) fn secret(&self) -> &ChainSecret {
        &self.secret
    }

    /// The seed of the next message, and a step forward. None after the last number there is.
    pub(crate) fn next_seed(&mut self) -> Option<MessageSeed> {
        let next_index = self.index.checked_add(1)?;
        let seed = hmac(self.secret.0.expose(), &[&[1]]);
        let next = hmac(self.secret.0.expose(), &[&[2]]);
        self.secret = ChainSecret(Secret::of_derived(&next, 0));
        self.index = next_index;
        Some(MessageSeed(Secret::of_derived(&seed, 0)))
    }
}

/// The keys of one message.
pub(crate) struct MessageKeys(Zeroizing<[u8; 80]>);

impl MessageKeys {
    /// Of a seed and, where there is a post-quantum ratchet, its key for this message; else `salt` is empty.
    pub(crate) fn derive(seed: &MessageSeed, salt: &[u8]) -> Self {
        Self(hkdf(salt, seed.0.expose(), b"WhisperMessageKeys"))
    }

    /// The key of AES-256.
    pub(crate) fn cipher_key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&self.0[..32]);
        key
    }

    /// The key of the MAC, 32 bytes.
    pub(crate) fn mac_key(&self) -> &[u8] {
        &self.0[32..64]
    }

    /// The first block of CBC.
    pub(crate) fn iv(&self) -> [u8; 16] {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.0[64..]);
        iv
    }
}
