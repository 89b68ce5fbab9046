//! 32 secret bytes.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The length of most secrets of the protocol.
pub(crate) const SECRET_BYTES: usize = 32;

/// 32 bytes that are wiped when dropped and never shown. The types of the secrets are made of it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// Copies 32 bytes; none when there are more or fewer.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self([0; SECRET_BYTES]);
        if bytes.len() != SECRET_BYTES {
            return None;
        }
        secret.0.copy_from_slice(bytes);
        Some(secret)
    }

    /// Copies the bytes at `offset` of something longer that was derived.
    pub(crate) fn of_derived<const N: usize>(derived: &[u8; N], offset: usize) -> Self {
        let mut secret = Self([0; SECRET_BYTES]);
        for (byte, derived) in secret.0.iter_mut().zip(derived.iter().skip(offset)) {
            *byte = *derived;
        }
        secret
    }

    /// The bytes. They are the secret.
    pub(crate) fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}
