//! Keys and digests as they are stored.

use crate::{TenantKeyId, Timestamp};

/// A SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// In lower-case hexadecimal, as audit records and manifests have it.
    pub fn hex(&self) -> String {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
        let digits = self
            .0
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        digits.collect()
    }
}

/// Bytes that `crypto::seal` made: version, key id, nonce, ciphertext and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBytes(pub Vec<u8>);

/// A tenant's key, sealed under the root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTenantKey {
    /// Names the key; what it seals carries this id.
    pub id: TenantKeyId,
    /// The key itself.
    pub sealed: SealedBytes,
    /// When it was made.
    pub created_at: Timestamp,
}
