//! The post-quantum ratchet beside the Double Ratchet (Double Ratchet revision 3, §5 and §6; ML-KEM Braid).
//!
//! Two parties agree, in small pieces carried by their ordinary messages, on one ML-KEM-768 secret after another. Each secret begins an
//! *epoch*: a symmetric chain in each direction that gives one [`MessageSalt`] a message. Mixed into the message's keys, it keeps what
//! is sent secret as long as *either* this or the Diffie-Hellman ratchet holds.
//!
//! A [`Spqr`] is a value: it knows nothing of sessions, and does no input or output. It authenticates nothing by itself but the
//! key agreement: the caller keeps a changed value only when the MAC of the message that carried it was right. Whatever arrives, and
//! in whatever order, loss or repetition: an error leaves the value as it was, its size is bounded (chunks of one value at a time, 2,000
//! kept keys for each of at most four epochs), and no key is given twice.

mod agreement;
mod authenticator;
mod braid;
mod chain;
mod erasure;
mod field;
mod message;
mod record;

use braid::Braid;
use chain::Chain;
use message::Message;
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// What this protocol calls itself in its derivations.
const PROTOCOL: &[u8] = b"Signal_PQCKA_V1_MLKEM768";

/// Which of the two parties began the session. The initiator sends the first encapsulation key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Who sent the first message.
    Initiator,
    /// Who received it.
    Responder,
}

/// What the ratchet adds to the keys of one message: the salt of their HKDF. Secret, for one use.
#[derive(Clone)]
pub struct MessageSalt(Zeroizing<[u8; 32]>);

/// What an epoch begins with.
struct EpochSecret(Zeroizing<[u8; 32]>);

/// What [`Spqr::send`] gives for one message.
#[derive(Debug)]
pub struct Sent {
    /// For the message's field, at most 52 bytes.
    pub message: Vec<u8>,
    /// For the message's keys.
    pub key: MessageSalt,
}

/// One party's side of the ratchet.
#[derive(Clone)]
pub struct Spqr {
    chain: Chain,
    braid: Braid,
}

/// Why a message was refused or a ratchet not loaded. The ratchet is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpqrError {
    /// The message carries nothing of this ratchet.
    #[error("the message has no post-quantum ratchet")]
    Missing,
    /// It is of a version that this library does not know.
    #[error("a post-quantum ratchet of an unknown version")]
    OtherVersion,
    /// It is not of the form.
    #[error("a malformed message of the post-quantum ratchet")]
    Malformed,
    /// It has no key, though its sender has had one.
    #[error("a message without post-quantum key after messages with one")]
    NoKey,
    /// Its epoch is over, or cannot have begun.
    #[error("a message of an epoch that is over or unknown")]
    EpochUnknown,
    /// Its key was used, or given up because too many others were kept.
    #[error("a message whose key was used before")]
    KeyUsed,
    /// It is more than 25,000 messages ahead.
    #[error("a message too far ahead")]
    TooFarAhead,
    /// A value of the key agreement is complete and false.
    #[error("a key agreement that is not authentic")]
    NotAuthentic,
    /// There are no numbers left.
    #[error("a chain or the epochs are used up")]
    Exhausted,
    /// What was stored is not a ratchet.
    #[error("stored bytes that are no post-quantum ratchet")]
    Corrupt,
}

impl Spqr {
    /// A new ratchet, from the third key that the set-up of the session derived.
    #[must_use]
    pub fn new(pq_key: &[u8; 32], direction: Direction) -> Self {
        Self {
            chain: Chain::new(pq_key, direction),
            braid: Braid::new(pq_key, direction),
        }
    }

    /// Takes part in one message to be sent. `rng` is used twice an epoch or less.
    ///
    /// # Errors
    /// [`SpqrError::Exhausted`] after 2^32 - 1 messages in one epoch.
    pub fn send(&mut self, rng: &mut impl CryptoRng) -> Result<Sent, SpqrError> {
        let epoch = self.braid.epoch;
        let sending = self.chain.next_sending(epoch - 1)?;
        let (payload, secret) = self.braid.send(rng)?;
        let index = sending.index();
        let key = sending.salt.clone();
        self.chain.sent(sending);
        if let Some(secret) = secret {
            self.chain.add_epoch(&secret);
        }
        let message = Message {
            epoch,
            index,
            payload,
        };
        Ok(Sent {
            message: message.to_bytes(),
            key,
        })
    }

    /// Takes in what one message carried. `Ok(None)`: its sender has not settled on this ratchet yet (only before its first message
    /// with a key); the message's keys have no salt then.
    ///
    /// The caller keeps the changed value only when the message's MAC was right.
    ///
    /// # Errors
    /// Any but [`SpqrError::Exhausted`] and [`SpqrError::Corrupt`]. Nothing has changed then.
    pub fn receive(&mut self, message: &[u8]) -> Result<Option<MessageSalt>, SpqrError> {
        let message = Message::from_bytes(message)?;
        let receiving = match message.index {
            0 if message.epoch == 1 && !self.chain.has_received() => None,
            0 => return Err(SpqrError::NoKey),
            index => Some(self.chain.next_receiving(message.epoch - 1, index)?),
        };
        let secret = self.braid.receive(message.epoch, &message.payload)?;
        let salt = receiving.map(|receiving| {
            let salt = receiving.salt.clone();
            self.chain.received(receiving);
            salt
        });
        if let Some(secret) = secret {
            self.chain.add_epoch(&secret);
        }
        Ok(salt)
    }

    /// The epoch being agreed on now, from 1: that many less one secrets have been agreed on and are in use, or about to be.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.braid.epoch
    }

    /// The ratchet as it is stored: secret, 0.3 to 3 KB, more only by 36 bytes for each kept key.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        record::to_bytes(self)
    }

    /// A stored ratchet.
    ///
    /// # Errors
    /// [`SpqrError::Corrupt`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SpqrError> {
        record::from_bytes(bytes).ok_or(SpqrError::Corrupt)
    }
}

impl MessageSalt {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MessageSalt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MessageSalt(redacted)")
    }
}

impl fmt::Debug for Spqr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Spqr")
            .field("epoch", &self.braid.epoch)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
