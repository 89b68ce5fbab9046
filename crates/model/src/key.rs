//! Keys and digests as they are stored.

use crate::{SigningKeyId, TenantKeyId, Timestamp};
use serde::{Deserialize, Serialize};

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

/// A key that signs a tenant's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Names the key; in text form it is the `kid`.
    pub id: SigningKeyId,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// The raw public key: for Ed25519 its 32 bytes, for P-256 the uncompressed point of 65 (SEC 1 §2.3.3).
    pub public_key: Vec<u8>,
    /// The private key, sealed under the tenant's key.
    pub sealed_private_key: SealedBytes,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts its changes.
    pub version: i64,
}

/// What a signing key signs with, by its JOSE name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8032, RFC 8037).
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    #[serde(rename = "ES256")]
    Es256,
}

impl SigningAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// Its name as `alg` (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}
