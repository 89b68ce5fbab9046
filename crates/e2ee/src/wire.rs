//! The messages as they travel: a version byte, protobuf, and for session messages eight bytes of MAC.
//!
//! Reading takes no more memory than the message has bytes. Unknown fields are skipped, and stay under the MAC.

mod fields;

use prost::Message;
use subtle::ConstantTimeEq;

use crate::kdf;
use crate::keys::{KeyError, PublicKey};
use fields::{PreKeyMessageFields, SessionMessageFields};

/// The length of a message's MAC: the first bytes of HMAC-SHA256.
const MAC_BYTES: usize = 8;

/// The newest version of the protocol, in the low half of the first byte.
const OWN_VERSION: u8 = 4;

/// Which key agreement a session began with; the high half of a message's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// X3DH.
    V3,
    /// PQXDH.
    V4,
}

impl Version {
    fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }

    fn of_first_byte(byte: u8) -> Result<Self, WireError> {
        match byte >> 4 {
            3 => Ok(Self::V3),
            4 => Ok(Self::V4),
            other => Err(WireError::Version(other)),
        }
    }

    fn first_byte(self) -> u8 {
        self.number() << 4 | OWN_VERSION
    }
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Too short.
    #[error("the message is cut off")]
    Short,
    /// A version of the protocol that is not spoken here.
    #[error("version {0} of the protocol is not spoken here")]
    Version(u8),
    /// No protobuf, or a field that has to be there is not.
    #[error("the message is malformed")]
    Malformed,
    /// A key in it is none.
    #[error("a key in the message is refused: {0}")]
    Key(#[from] KeyError),
}

/// The identity keys over which a message's MAC goes, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parties<'a> {
    pub(crate) sender: &'a PublicKey,
    pub(crate) receiver: &'a PublicKey,
}

/// A message of a session (type 2), its MAC not yet checked.
#[derive(Debug, Clone)]
pub struct SessionMessage {
    pub(crate) version: Version,
    pub(crate) ratchet_key: PublicKey,
    pub(crate) counter: u32,
    pub(crate) ciphertext: Vec<u8>,
    /// Empty: the sender has no post-quantum ratchet.
    pub(crate) pq_ratchet: Vec<u8>,
    pub(crate) addresses: Option<Vec<u8>>,
    /// Version byte and protobuf: what the MAC goes over.
    authenticated: Vec<u8>,
    mac: [u8; MAC_BYTES],
}

/// What a session puts into a message.
pub(crate) struct SessionMessageParts {
    pub(crate) version: Version,
    pub(crate) ratchet_key: PublicKey,
    pub(crate) counter: u32,
    pub(crate) previous_counter: u32,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) pq_ratchet: Option<Vec<u8>>,
    pub(crate) addresses: Option<[u8; 36]>,
}

impl SessionMessageParts {
    /// The message as it travels, with its MAC.
    pub(crate) fn seal(self, mac_key: &[u8], parties: Parties<'_>) -> Vec<u8> {
        let fields = SessionMessageFields {
            ratchet_key: Some(self.ratchet_key.as_bytes().to_vec()),
            counter: Some(self.counter),
            previous_counter: Some(self.previous_counter),
            ciphertext: Some(self.ciphertext),
            pq_ratchet: self.pq_ratchet,
            addresses: self.addresses.map(|addresses| addresses.to_vec()),
        };
        let mut message = with_first_byte(self.version, &fields, MAC_BYTES);
        let mac = message_mac(mac_key, parties, &message);
        message.extend_from_slice(&mac);
        message
    }
}

impl SessionMessage {
    /// Reads a message as it travels.
    ///
    /// # Errors
    /// [`WireError`]: too short, of another version, malformed, or with a key that is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let (authenticated, mac) = bytes
            .split_last_chunk::<MAC_BYTES>()
            .ok_or(WireError::Short)?;
        let (version, fields) = split_first_byte::<SessionMessageFields>(authenticated)?;
        Ok(Self {
            version,
            ratchet_key: required_key(fields.ratchet_key)?,
            counter: fields.counter.ok_or(WireError::Malformed)?,
            ciphertext: fields.ciphertext.ok_or(WireError::Malformed)?,
            pq_ratchet: fields.pq_ratchet.unwrap_or_default(),
            addresses: fields.addresses,
            authenticated: authenticated.to_vec(),
            mac: *mac,
        })
    }

    /// The sender's ratchet key, by which a decryption error names the chain.
    #[must_use]
    pub fn ratchet_key(&self) -> &PublicKey {
        &self.ratchet_key
    }

    /// The message's number in its chain.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// Whether the MAC is the one of `mac_key`; compared in constant time.
    pub(crate) fn is_mac_valid(&self, mac_key: &[u8], parties: Parties<'_>) -> bool {
        message_mac(mac_key, parties, &self.authenticated)
            .ct_eq(&self.mac)
            .into()
    }
}

/// The first message of a session (type 3), and each one until its receiver has answered: what its receiver needs to set
/// the session up, around a [`SessionMessage`].
#[derive(Debug, Clone)]
pub struct PreKeyMessage {
    pub(crate) version: Version,
    pub(crate) registration_id: u32,
    pub(crate) pre_key_id: Option<u32>,
    pub(crate) signed_pre_key_id: u32,
    /// The KEM key's id and the ciphertext for it; version 4 only.
    pub(crate) kem: Option<(u32, Vec<u8>)>,
    pub(crate) base_key: PublicKey,
    pub(crate) identity_key: PublicKey,
    pub(crate) message: SessionMessage,
}

/// What a session that is not acknowledged puts around its messages.
pub(crate) struct PreKeyMessageParts<'a> {
    pub(crate) version: Version,
    pub(crate) registration_id: u32,
    pub(crate) pre_key_id: Option<u32>,
    pub(crate) signed_pre_key_id: u32,
    pub(crate) kem: Option<(u32, &'a [u8])>,
    pub(crate) base_key: PublicKey,
    pub(crate) identity_key: PublicKey,
    pub(crate) message: Vec<u8>,
}

impl PreKeyMessageParts<'_> {
    /// The message as it travels.
    pub(crate) fn enclose(self) -> Vec<u8> {
        let fields = PreKeyMessageFields {
            pre_key_id: self.pre_key_id,
            base_key: Some(self.base_key.as_bytes().to_vec()),
            identity_key: Some(self.identity_key.as_bytes().to_vec()),
            message: Some(self.message),
            registration_id: Some(self.registration_id),
            signed_pre_key_id: Some(self.signed_pre_key_id),
            kem_pre_key_id: self.kem.map(|(id, _)| id),
            kem_ciphertext: self.kem.map(|(_, ciphertext)| ciphertext.to_vec()),
        };
        with_first_byte(self.version, &fields, 0)
    }
}

impl PreKeyMessage {
    /// Reads a message as it travels.
    ///
    /// # Errors
    /// [`WireError`], as for [`SessionMessage::from_bytes`]; version 4 without KEM, or two versions in one message.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let (version, fields) = split_first_byte::<PreKeyMessageFields>(bytes)?;
        let message = SessionMessage::from_bytes(&fields.message.ok_or(WireError::Malformed)?)?;
        if message.version != version {
            return Err(WireError::Malformed);
        }
        Ok(Self {
            version,
            registration_id: fields.registration_id.unwrap_or_default(),
            pre_key_id: fields.pre_key_id,
            signed_pre_key_id: fields.signed_pre_key_id.ok_or(WireError::Malformed)?,
            kem: kem_of(version, fields.kem_pre_key_id, fields.kem_ciphertext)?,
            base_key: required_key(fields.base_key)?,
            identity_key: required_key(fields.identity_key)?,
            message,
        })
    }

    /// The sender's identity key, which nothing has vouched for yet.
    #[must_use]
    pub fn identity_key(&self) -> &PublicKey {
        &self.identity_key
    }

    /// The sender's registration id.
    #[must_use]
    pub fn registration_id(&self) -> u32 {
        self.registration_id
    }

    /// The session's message in it.
    #[must_use]
    pub fn message(&self) -> &SessionMessage {
        &self.message
    }
}

fn kem_of(
    version: Version,
    id: Option<u32>,
    ciphertext: Option<Vec<u8>>,
) -> Result<Option<(u32, Vec<u8>)>, WireError> {
    match (version, id, ciphertext) {
        (Version::V4, Some(id), Some(ciphertext)) => Ok(Some((id, ciphertext))),
        (Version::V4, _, _) => Err(WireError::Malformed),
        (Version::V3, _, _) => Ok(None),
    }
}

fn message_mac(mac_key: &[u8], parties: Parties<'_>, authenticated: &[u8]) -> [u8; MAC_BYTES] {
    let pieces: [&[u8]; 3] = [
        parties.sender.as_bytes(),
        parties.receiver.as_bytes(),
        authenticated,
    ];
    let mac = kdf::hmac(mac_key, &pieces);
    let mut cut = [0; MAC_BYTES];
    cut.copy_from_slice(&mac[..MAC_BYTES]);
    cut
}

/// The version byte and the fields, with room for what is appended.
fn with_first_byte(version: Version, fields: &impl Message, room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + fields.encoded_len() + room);
    bytes.push(version.first_byte());
    fields.encode_raw(&mut bytes);
    bytes
}

fn split_first_byte<T: Message + Default>(bytes: &[u8]) -> Result<(Version, T), WireError> {
    let (&first, rest) = bytes.split_first().ok_or(WireError::Short)?;
    let version = Version::of_first_byte(first)?;
    let fields = T::decode(rest).map_err(|_| WireError::Malformed)?;
    Ok((version, fields))
}

fn required_key(bytes: Option<Vec<u8>>) -> Result<PublicKey, WireError> {
    let bytes = bytes.ok_or(WireError::Malformed)?;
    Ok(PublicKey::from_bytes(&bytes)?)
}

#[cfg(test)]
mod tests;
