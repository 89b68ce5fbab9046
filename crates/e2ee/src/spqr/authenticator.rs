//! The MACs over what the key agreement exchanges, keyed from all that was agreed before (ML-KEM Braid, "Authenticator"): who has
//! not taken part so far can slip in no key of their own.

use super::{EpochSecret, PROTOCOL, SpqrError};
use crate::kdf;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a MAC.
pub(super) const MAC_BYTES: usize = 32;

/// Keys of the epoch now being agreed on.
#[derive(Clone)]
pub(super) struct Authenticator {
    root: Zeroizing<[u8; 32]>,
    mac_key: Zeroizing<[u8; 32]>,
}

impl Authenticator {
    /// At the start, from the key that the set-up agreed on.
    pub(super) fn new(pq_key: &[u8; 32]) -> Self {
        Self::derive(&[0; 32], 1, pq_key)
    }

    pub(super) fn from_parts(root: [u8; 32], mac_key: [u8; 32]) -> Self {
        Self {
            root: Zeroizing::new(root),
            mac_key: Zeroizing::new(mac_key),
        }
    }

    /// Root and MAC key, to be stored.
    pub(super) fn parts(&self) -> (&[u8; 32], &[u8; 32]) {
        (&self.root, &self.mac_key)
    }

    /// What it is once an epoch's secret is known.
    pub(super) fn updated(&self, epoch: u64, secret: &EpochSecret) -> Self {
        Self::derive(&self.root, epoch, &secret.0)
    }

    pub(super) fn header_mac(&self, epoch: u64, header: &[u8]) -> Zeroizing<[u8; MAC_BYTES]> {
        self.mac(":ekheader", epoch, &[header])
    }

    pub(super) fn ciphertext_mac(
        &self,
        epoch: u64,
        first: &[u8],
        second: &[u8],
    ) -> Zeroizing<[u8; MAC_BYTES]> {
        self.mac(":ciphertext", epoch, &[first, second])
    }

    fn derive(root: &[u8; 32], epoch: u64, secret: &[u8; 32]) -> Self {
        let info: [&[u8]; 3] = [PROTOCOL, b":Authenticator Update", &epoch.to_be_bytes()];
        let keys = kdf::hkdf_pieces::<64>(&[], &[root, secret], &info);
        let mut derived = Self::from_parts([0; 32], [0; 32]);
        derived.root.copy_from_slice(&keys[..32]);
        derived.mac_key.copy_from_slice(&keys[32..]);
        derived
    }

    fn mac(&self, purpose: &str, epoch: u64, parts: &[&[u8]]) -> Zeroizing<[u8; MAC_BYTES]> {
        let epoch = epoch.to_be_bytes();
        let mut input: Vec<&[u8]> = vec![PROTOCOL, purpose.as_bytes(), &epoch];
        input.extend_from_slice(parts);
        kdf::hmac(&*self.mac_key, &input)
    }
}

/// Compares a MAC that arrived with the right one, in constant time.
///
/// # Errors
/// [`SpqrError::NotAuthentic`].
pub(super) fn verify(expected: &[u8; MAC_BYTES], found: &[u8]) -> Result<(), SpqrError> {
    if bool::from(expected.ct_eq(found)) {
        Ok(())
    } else {
        Err(SpqrError::NotAuthentic)
    }
}
