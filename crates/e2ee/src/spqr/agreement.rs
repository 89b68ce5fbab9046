//! ML-KEM-768 in parts (ML-KEM Braid §1: the incremental interface), with the epoch's secret at its end.
//!
//! Both sides keep the seed of what they sampled and compute the rest anew: an epoch needs it twice or three times, while the state
//! is stored and loaded with each message.

use super::{EpochSecret, PROTOCOL, SpqrError};
use crate::kdf;
use libcrux_ml_kem::mlkem768::incremental;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Bytes of the encapsulation key's header: its seed and the hash of the whole.
pub(super) const HEADER_BYTES: usize = incremental::pk1_len();
/// Bytes of the encapsulation key's vector.
pub(super) const KEY_BYTES: usize = incremental::pk2_len();
/// Bytes of the ciphertext's first part.
pub(super) const CIPHERTEXT1_BYTES: usize = 960;
/// Bytes of the ciphertext's second part.
pub(super) const CIPHERTEXT2_BYTES: usize = 128;

/// The side that sends the encapsulation key: d and z of FIPS 203 §7.1, from which the key pair follows.
#[derive(Clone)]
pub(super) struct KeyPair(Zeroizing<[u8; 64]>);

impl KeyPair {
    pub(super) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 64]);
        rng.fill_bytes(&mut *seed);
        Self(seed)
    }

    pub(super) fn from_seed(seed: [u8; 64]) -> Self {
        Self(Zeroizing::new(seed))
    }

    pub(super) fn seed(&self) -> &[u8; 64] {
        &self.0
    }

    pub(super) fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&self.expanded()[2 * KEY_BYTES..][..HEADER_BYTES]);
        header
    }

    pub(super) fn vector(&self) -> Vec<u8> {
        self.expanded()[KEY_BYTES..2 * KEY_BYTES].to_vec()
    }

    /// The epoch's secret from both parts of the ciphertext. A false ciphertext gives a secret that nobody has.
    ///
    /// # Errors
    /// [`SpqrError::Malformed`] for parts of other lengths.
    pub(super) fn decapsulate(
        &self,
        epoch: u64,
        first: &[u8],
        second: &[u8],
    ) -> Result<EpochSecret, SpqrError> {
        let first = first.try_into().map_err(|_| SpqrError::Malformed)?;
        let second = second.try_into().map_err(|_| SpqrError::Malformed)?;
        let shared = incremental::decapsulate_compressed_key(
            &self.expanded(),
            &incremental::Ciphertext1 { value: first },
            &incremental::Ciphertext2 { value: second },
        );
        Ok(epoch_secret(epoch, &Zeroizing::new(shared)))
    }

    /// The private vector, the encapsulation key's vector, seed and hash, and the value for false ciphertexts.
    fn expanded(&self) -> Zeroizing<[u8; incremental::COMPRESSED_KEYPAIR_LEN]> {
        let mut pair = Zeroizing::new([0; incremental::COMPRESSED_KEYPAIR_LEN]);
        incremental::generate_key_pair_compressed(*self.0, &mut pair);
        pair
    }
}

/// The side that encapsulates: the header that it is for, and the 32 random bytes.
#[derive(Clone)]
pub(super) struct Encapsulation {
    header: [u8; HEADER_BYTES],
    randomness: Zeroizing<[u8; 32]>,
}

impl Encapsulation {
    pub(super) fn generate(header: [u8; HEADER_BYTES], rng: &mut impl CryptoRng) -> Self {
        let mut randomness = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *randomness);
        Self { header, randomness }
    }

    pub(super) fn from_parts(header: [u8; HEADER_BYTES], randomness: [u8; 32]) -> Self {
        Self {
            header,
            randomness: Zeroizing::new(randomness),
        }
    }

    pub(super) fn header(&self) -> &[u8; HEADER_BYTES] {
        &self.header
    }

    pub(super) fn randomness(&self) -> &[u8; 32] {
        &self.randomness
    }

    /// The ciphertext's first part and the epoch's secret.
    ///
    /// # Errors
    /// None that can be: the lengths are right.
    pub(super) fn first(&self, epoch: u64) -> Result<(Vec<u8>, EpochSecret), SpqrError> {
        let (ciphertext, secret, _) = self.encapsulate()?;
        Ok((ciphertext, epoch_secret(epoch, &secret)))
    }

    /// The ciphertext's second part, once the vector is there.
    ///
    /// # Errors
    /// [`SpqrError::NotAuthentic`] when the vector is not the one that the header tells of.
    pub(super) fn second(&self, vector: &[u8]) -> Result<[u8; CIPHERTEXT2_BYTES], SpqrError> {
        let vector = vector.try_into().map_err(|_| SpqrError::Malformed)?;
        let (_, _, state) = self.encapsulate()?;
        Ok(incremental::encapsulate2(&state, vector).value)
    }

    /// # Errors
    /// [`SpqrError::NotAuthentic`] when the vector is not the one that the header tells of, or no key (FIPS 203 §7.2).
    pub(super) fn verify(&self, vector: &[u8]) -> Result<(), SpqrError> {
        incremental::validate_pk_bytes(&self.header, vector).map_err(|_| SpqrError::NotAuthentic)
    }

    fn encapsulate(&self) -> Result<(Vec<u8>, Secret, State), SpqrError> {
        let mut secret = Secret::default();
        let mut state = State::new([0; incremental::encaps_state_len()]);
        let ciphertext =
            incremental::encapsulate1(&self.header, *self.randomness, &mut *state, &mut *secret)
                .map_err(|_| SpqrError::Malformed)?;
        Ok((ciphertext.value.to_vec(), secret, state))
    }
}

type Secret = Zeroizing<[u8; 32]>;
type State = Zeroizing<[u8; incremental::encaps_state_len()]>;

fn epoch_secret(epoch: u64, shared: &Secret) -> EpochSecret {
    let info: [&[u8]; 3] = [PROTOCOL, b":SCKA Key", &epoch.to_be_bytes()];
    EpochSecret(kdf::hkdf_pieces(&[], &[&**shared], &info))
}

#[cfg(test)]
mod tests;
