//! Kyber-1024 of the third round, as the wire has it, over ML-KEM-1024 (FIPS 203).
//!
//! Keys and ciphertexts of the two are the same bytes. The shared secret is not: Kyber hashes once more, so it is
//! `SHAKE256(K || SHA3-256(ciphertext))` of ML-KEM's `K`. On a bad ciphertext the outcome differs from Kyber's, and is as
//! good as random in both: what is sealed with it does not open.

use core::fmt;

use libcrux_ml_kem::mlkem1024::{
    self, MlKem1024Ciphertext, MlKem1024PrivateKey, MlKem1024PublicKey,
};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::keys::{KeyError, SharedSecret};
use crate::secret::{SecretBytes, wipe};

/// The type byte of Kyber-1024's keys and ciphertexts.
const TYPE: u8 = 0x08;
const RAW_PUBLIC_BYTES: usize = 1568;
const RAW_SECRET_BYTES: usize = 3168;
const RAW_CIPHERTEXT_BYTES: usize = 1568;

/// The length of a public key as it travels: type byte and raw key.
pub const KEM_PUBLIC_KEY_BYTES: usize = 1 + RAW_PUBLIC_BYTES;
/// The length of a ciphertext as it travels: type byte and raw ciphertext.
pub const KEM_CIPHERTEXT_BYTES: usize = 1 + RAW_CIPHERTEXT_BYTES;

/// A public key of the KEM.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublicKey(Vec<u8>);

impl KemPublicKey {
    /// Reads a key as it travels: 1569 bytes, the type byte `0x08` first.
    ///
    /// # Errors
    /// Another length or type, or numbers that are not reduced (FIPS 203 §7.2, modulus check).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let raw = raw::<RAW_PUBLIC_BYTES>(bytes)?;
        if !mlkem1024::validate_public_key(&MlKem1024PublicKey::from(raw)) {
            return Err(KeyError::Kem);
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The key as it travels: 1569 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A fresh secret and the ciphertext, 1569 bytes as it travels, that tells it to the key's holder.
    ///
    /// # Errors
    /// None in practice: the key was checked when it was read.
    pub fn encapsulate(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, SharedSecret), KeyError> {
        let key = MlKem1024PublicKey::from(raw::<RAW_PUBLIC_BYTES>(&self.0)?);
        let mut random = Zeroizing::new([0; 32]);
        rng.fill_bytes(random.as_mut_slice());
        let (ciphertext, secret) = mlkem1024::encapsulate(&key, *random);
        let secret = kyber_secret(secret, ciphertext.as_slice());
        Ok((typed(ciphertext.as_slice()), secret))
    }
}

impl fmt::Debug for KemPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KemPublicKey(")?;
        for byte in self.0.iter().skip(1).take(6) {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str("…)")
    }
}

/// A pair of the KEM.
#[derive(Clone)]
pub struct KemKeyPair {
    secret: SecretBytes,
    public: KemPublicKey,
}

impl KemKeyPair {
    /// A new pair.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut random = Zeroizing::new([0; 64]);
        rng.fill_bytes(random.as_mut_slice());
        let pair = mlkem1024::generate_key_pair(*random);
        let public = KemPublicKey(typed(pair.pk()));
        let secret = SecretBytes(typed(pair.sk()));
        Self { secret, public }
    }

    /// Reads a kept pair: what [`Self::expose`] gave, and the public half.
    ///
    /// # Errors
    /// Another length or type of either half.
    pub fn from_bytes(secret: &[u8], public: &[u8]) -> Result<Self, KeyError> {
        raw::<RAW_SECRET_BYTES>(secret)?;
        raw::<RAW_PUBLIC_BYTES>(public)?;
        Ok(Self {
            secret: SecretBytes(secret.to_vec()),
            public: KemPublicKey(public.to_vec()),
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &KemPublicKey {
        &self.public
    }

    /// The 3169 bytes to keep, type byte first. They are the secret.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.secret.0
    }

    /// The secret that `ciphertext`, 1569 bytes as it travels, tells.
    ///
    /// # Errors
    /// Another length or type. A ciphertext for somebody else is not found out here: the secret is then random.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SharedSecret, KeyError> {
        let ciphertext = MlKem1024Ciphertext::from(raw::<RAW_CIPHERTEXT_BYTES>(ciphertext)?);
        let secret = MlKem1024PrivateKey::from(raw::<RAW_SECRET_BYTES>(&self.secret.0)?);
        let shared = mlkem1024::decapsulate(&secret, &ciphertext);
        let mut copied: [u8; RAW_SECRET_BYTES] = secret.into();
        wipe(&mut copied);
        Ok(kyber_secret(shared, ciphertext.as_slice()))
    }
}

impl fmt::Debug for KemKeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KemKeyPair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// What Kyber makes of ML-KEM's secret.
fn kyber_secret(mut ml_kem_secret: [u8; 32], ciphertext: &[u8]) -> SharedSecret {
    let mut input = Zeroizing::new([0; 64]);
    input[..32].copy_from_slice(&ml_kem_secret);
    input[32..].copy_from_slice(&libcrux_sha3::sha256(ciphertext));
    ml_kem_secret.zeroize();
    Zeroizing::new(libcrux_sha3::shake256(input.as_slice()))
}

fn typed(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + raw.len());
    bytes.push(TYPE);
    bytes.extend_from_slice(raw);
    bytes
}

fn raw<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], KeyError> {
    let (&kind, raw) = bytes.split_first().ok_or(KeyError::Length)?;
    if kind != TYPE {
        return Err(KeyError::Type);
    }
    raw.try_into().map_err(|_| KeyError::Length)
}

#[cfg(test)]
mod tests;
