//! Sender keys: a message for a group is encrypted once, with a chain that its sender gave to each member.
//!
//! There is no published specification; this follows what is on the wire. A sender has a [`SendingKey`] for each group and gives
//! its [`Distribution`] to each device of the group, over a session with it and in no other way. A receiver keeps a
//! [`SenderKeyRecord`] for each sender and group.
//!
//! What it is not: it heals from nothing by itself. Whoever learned a chain reads on until its sender rotates: so rotate when
//! somebody leaves, and by age and count ([`SendingKey::plan`] says when, and who lacks the key). Who belongs to the group is not
//! the server's word but that of its members: see [`membership`].

mod distribution;
mod fields;
pub mod membership;
mod message;
mod sender_key;
mod sending;

pub use distribution::Distribution;
pub use message::GroupMessage;
pub use sender_key::{Learned, SenderKeyRecord};
pub use sending::{Plan, RotationPolicy, RotationReason, SendingKey};

use crate::kdf::hkdf;
use crate::keys::KeyError;
use crate::ratchet::MessageSeed;
use zeroize::Zeroizing;

/// The version of sender keys, in the high half of the first byte.
const VERSION: u8 = 3;

/// The first byte of what we write.
const FIRST_BYTE: u8 = VERSION << 4 | VERSION;

/// Why a message of a group, or a key for it, is refused. The record is then as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// Another version of sender keys.
    #[error("version {0} of sender keys is not spoken here")]
    Version(u8),
    /// Cut off, no protobuf, or a field that has to be there is not.
    #[error("the message is malformed")]
    Malformed,
    /// A key in it is none.
    #[error("a key in the message is refused: {0}")]
    Key(#[from] KeyError),
    /// It belongs to another group than the record.
    #[error("the message belongs to another group")]
    OtherGroup,
    /// Its sender has not given this chain to us, or too many others since. Ask for it with a decryption error.
    #[error("there is no key of the sender for this message")]
    NoSenderKey,
    /// The sender did not sign it.
    #[error("the sender's signature does not hold")]
    Signature,
    /// It was opened before, or is so late that its key was given up.
    #[error("the message came before, or far too late")]
    Duplicate,
    /// More messages are missing before it than are followed.
    #[error("too many messages are missing before this one")]
    TooFarAhead,
    /// The chain has reached its last number. Rotate.
    #[error("the chain is at its end")]
    Exhausted,
    /// Signed by its sender, and still no ciphertext.
    #[error("the ciphertext is not whole")]
    Padding,
    /// What was stored is not what was written.
    #[error("the stored state cannot be read")]
    Stored,
}

/// The keys of one message of a group: 16 bytes of IV, then the key of AES-256.
struct GroupKeys(Zeroizing<[u8; 48]>);

impl GroupKeys {
    fn derive(seed: &MessageSeed) -> Self {
        Self(hkdf(&[], seed.0.expose(), b"WhisperGroup"))
    }

    fn iv(&self) -> [u8; 16] {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.0[..16]);
        iv
    }

    fn cipher_key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&self.0[16..]);
        key
    }
}

/// The protobuf behind a first byte of our version.
fn behind_version<T: prost::Message + Default>(bytes: &[u8]) -> Result<T, GroupError> {
    let (&first, rest) = bytes.split_first().ok_or(GroupError::Malformed)?;
    match first >> 4 {
        VERSION => T::decode(rest).map_err(|_| GroupError::Malformed),
        other => Err(GroupError::Version(other)),
    }
}

/// The first byte and the fields, with room for what is appended.
fn with_version(fields: &impl prost::Message, room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + fields.encoded_len() + room);
    bytes.push(FIRST_BYTE);
    fields.encode_raw(&mut bytes);
    bytes
}

/// A distribution id: 16 bytes of a UUID.
fn distribution_id(bytes: Option<&[u8]>) -> Result<uuid::Uuid, GroupError> {
    let bytes = bytes.ok_or(GroupError::Malformed)?;
    uuid::Uuid::from_slice(bytes).map_err(|_| GroupError::Malformed)
}

#[cfg(test)]
mod tests;
