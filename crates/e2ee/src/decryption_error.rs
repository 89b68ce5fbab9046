//! What a device answers to a message that it cannot open: send it again, this session or key is of no use to me.
//!
//! It travels unencrypted, since there may be no session that works: [`DecryptionError::to_plaintext_content`]. Whoever gets one
//! believes nothing in it but that: the session in use with that ratchet key is then put aside and a visible notice shown, and the
//! message is sent again only when it is remembered as one for that very device.

use prost::Message;

use crate::address::DeviceId;
use crate::keys::PublicKey;
use crate::wire::{PreKeyMessage, SessionMessage, WireError};

/// The first byte of what is sent without encryption (type 8).
const PLAINTEXT: u8 = 0xc0;
/// Ends a padded content, zeros may follow.
const PADDING: u8 = 0x80;

/// The most bytes that are read: such a message has some 60.
const BYTES_MAX: usize = 1024;

/// A request to send a message again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecryptionError {
    /// The sender's ratchet key in the message that did not open; none for a message of a group.
    pub ratchet_key: Option<PublicKey>,
    /// The message's time as its sender gave it, in milliseconds of the Unix epoch: its name.
    pub timestamp_milliseconds: u64,
    /// The device that sent it.
    pub device_id: DeviceId,
}

/// What kind of message did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Of a session (type 2).
    Session,
    /// The first of a session (type 3).
    PreKey,
    /// Of a group (type 7).
    Group,
}

/// The bytes are no decryption error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decryption error")]
pub struct DecryptionErrorProblem;

impl DecryptionError {
    /// The request to send `message` again.
    ///
    /// # Errors
    /// [`WireError`] when the message cannot even be read: then there is nothing to ask for.
    pub fn of_message(
        kind: MessageKind,
        message: &[u8],
        timestamp_milliseconds: u64,
        device_id: DeviceId,
    ) -> Result<Self, WireError> {
        let ratchet_key = match kind {
            MessageKind::Session => Some(*SessionMessage::from_bytes(message)?.ratchet_key()),
            MessageKind::PreKey => {
                Some(*PreKeyMessage::from_bytes(message)?.message().ratchet_key())
            }
            MessageKind::Group => None,
        };
        Ok(Self {
            ratchet_key,
            timestamp_milliseconds,
            device_id,
        })
    }

    /// The bytes of the request alone.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        Fields::of(self).encode_to_vec()
    }

    /// Reads the request alone.
    ///
    /// # Errors
    /// [`DecryptionErrorProblem`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecryptionErrorProblem> {
        if bytes.len() > BYTES_MAX {
            return Err(DecryptionErrorProblem);
        }
        let fields = Fields::decode(bytes).map_err(|_| DecryptionErrorProblem)?;
        fields.read().ok_or(DecryptionErrorProblem)
    }

    /// The message to send, unencrypted (type 8).
    #[must_use]
    pub fn to_plaintext_content(&self) -> Vec<u8> {
        let content = Content {
            decryption_error: Some(self.to_bytes()),
        };
        let mut message = vec![PLAINTEXT];
        message.extend_from_slice(&content.encode_to_vec());
        message.push(PADDING);
        message
    }

    /// Reads a message that came unencrypted (type 8).
    ///
    /// # Errors
    /// [`DecryptionErrorProblem`], also for any other content: nothing else may travel so.
    pub fn from_plaintext_content(message: &[u8]) -> Result<Self, DecryptionErrorProblem> {
        let content = unpadded(message).ok_or(DecryptionErrorProblem)?;
        let content = Content::decode(content).map_err(|_| DecryptionErrorProblem)?;
        let inner = content.decryption_error.ok_or(DecryptionErrorProblem)?;
        Self::from_bytes(&inner)
    }
}

fn unpadded(message: &[u8]) -> Option<&[u8]> {
    let message = (message.len() <= BYTES_MAX).then_some(message)?;
    let padded = message.strip_prefix(&[PLAINTEXT])?;
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    (padded.get(end) == Some(&PADDING)).then(|| padded.get(..end))?
}

/// The one field of a content that may travel unencrypted.
#[derive(Clone, PartialEq, prost::Message)]
struct Content {
    #[prost(bytes = "vec", optional, tag = "8")]
    decryption_error: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Fields {
    #[prost(bytes = "vec", optional, tag = "1")]
    ratchet_key: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "2")]
    timestamp_milliseconds: Option<u64>,
    #[prost(uint32, optional, tag = "3")]
    device_id: Option<u32>,
}

impl Fields {
    fn of(error: &DecryptionError) -> Self {
        Self {
            ratchet_key: error.ratchet_key.map(|key| key.as_bytes().to_vec()),
            timestamp_milliseconds: Some(error.timestamp_milliseconds),
            device_id: Some(error.device_id.get().into()),
        }
    }

    fn read(&self) -> Option<DecryptionError> {
        let ratchet_key = match &self.ratchet_key {
            Some(bytes) => Some(PublicKey::from_bytes(bytes).ok()?),
            None => None,
        };
        Some(DecryptionError {
            ratchet_key,
            timestamp_milliseconds: self.timestamp_milliseconds?,
            device_id: DeviceId::new(self.device_id?).ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
