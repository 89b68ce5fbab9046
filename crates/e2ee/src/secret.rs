//! 32 secret bytes, and how many of them are wiped.

use core::{fmt, mem};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

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

/// Overwrites secret bytes, and sees to it that the compiler leaves that in. `Zeroize` for slices writes byte by byte, which is
/// felt where kilobytes are wiped.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    zeroize::optimization_barrier(bytes);
}

/// [`wipe`] of a vector, with what it has room for. It is empty then.
pub(crate) fn wipe_vec(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    zeroize::optimization_barrier(bytes.as_slice());
    bytes.clear();
}

/// Drops secret bytes, faster than they drop by themselves.
pub(crate) fn discard(mut bytes: Zeroizing<Vec<u8>>) {
    wipe_vec(&mut mem::take(&mut *bytes));
}

/// Secret bytes that are wiped when dropped.
#[derive(Clone)]
pub(crate) struct SecretBytes(pub(crate) Vec<u8>);

impl Drop for SecretBytes {
    fn drop(&mut self) {
        wipe_vec(&mut self.0);
    }
}

#[cfg(test)]
mod tests;
