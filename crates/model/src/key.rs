//! Keys and digests as they are stored.

use crate::{TenantKeyId, Timestamp};

/// A SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

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
