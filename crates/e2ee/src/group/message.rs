//! A message for a group as it travels (type 7): version byte, protobuf, and the sender's signature over both.

use uuid::Uuid;

use crate::keys::VerifyingKey;
use crate::xeddsa::SIGNATURE_BYTES;

use super::fields::GroupMessageFields;
use super::{GroupError, behind_version, distribution_id};

/// A message for a group, its signature not yet checked.
#[derive(Debug, Clone)]
pub struct GroupMessage<'a> {
    distribution_id: Uuid,
    pub(super) chain_id: u32,
    pub(super) iteration: u32,
    pub(super) ciphertext: Vec<u8>,
    signed: &'a [u8],
    signature: &'a [u8; SIGNATURE_BYTES],
}

impl<'a> GroupMessage<'a> {
    /// Reads a message as it travels.
    ///
    /// # Errors
    /// Another version, cut off, or malformed.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, GroupError> {
        let (signed, signature) = bytes.split_last_chunk().ok_or(GroupError::Malformed)?;
        let fields: GroupMessageFields = behind_version(signed)?;
        Ok(Self {
            distribution_id: distribution_id(fields.distribution_id.as_deref())?,
            chain_id: fields.chain_id.ok_or(GroupError::Malformed)?,
            iteration: fields.iteration.ok_or(GroupError::Malformed)?,
            ciphertext: fields.ciphertext.ok_or(GroupError::Malformed)?,
            signed,
            signature,
        })
    }

    /// The group that it says it is for: by this and its sender the record is looked up.
    #[must_use]
    pub fn distribution_id(&self) -> Uuid {
        self.distribution_id
    }

    pub(super) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        key.is_signature_valid(self.signed, self.signature)
    }
}
