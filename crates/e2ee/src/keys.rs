//! X25519 keys (RFC 7748) as they travel: one type byte and the u-coordinate.

mod prepared;

use core::fmt;

use curve25519_dalek::montgomery::MontgomeryPoint;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::xeddsa::{self, Signature};
pub(crate) use prepared::{Agreements, PreparedKey, SigningPair, VerifyingKey};

/// The length of a public key as it travels: type byte and u-coordinate.
pub const PUBLIC_KEY_BYTES: usize = 33;

/// The type byte of an X25519 public key.
const TYPE: u8 = 0x05;

/// p = 2^255 - 19, little-endian: where u-coordinates begin to repeat.
const FIELD_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The u-coordinates below p whose multiples by a clamped scalar are zero: the points of order 2, 4 (curve and twist) and
/// twice 8. A key among them would make every agreement a constant (RFC 7748 §6.1).
const LOW_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = FIELD_PRIME;
        minus_one[0] = 0xec;
        minus_one
    },
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// Why bytes are no key, or two keys do not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another length than such a key has.
    #[error("a key of this kind has another length")]
    Length,
    /// The type byte names another kind of key.
    #[error("the key is of another type")]
    Type,
    /// The same point could be written in two ways, and this is the second.
    #[error("the public key is not in its canonical form")]
    NonCanonical,
    /// The key would make every agreement a constant.
    #[error("the public key has low order")]
    LowOrder,
    /// The bytes are not a key of the KEM (FIPS 203 §7.2).
    #[error("the key is not valid for the key encapsulation")]
    Kem,
}

/// An X25519 public key: checked when it was read, so that an agreement with it cannot be all zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// Reads a key as it travels: 33 bytes, the type byte `0x05` first.
    ///
    /// # Errors
    /// Another length or type; a u-coordinate that is not below p, or of low order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; PUBLIC_KEY_BYTES] = bytes.try_into().map_err(|_| KeyError::Length)?;
        let (&[kind], coordinate) = bytes.split_first_chunk().ok_or(KeyError::Length)?;
        if kind != TYPE {
            return Err(KeyError::Type);
        }
        check_coordinate(coordinate)?;
        Ok(Self(*bytes))
    }

    /// The key as it travels: 33 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }

    /// Whether `signature` is one that the holder of this key's private half made over `message`
    /// ([XEdDSA](crate::xeddsa)).
    #[must_use]
    pub fn is_signature_valid(&self, message: &[u8], signature: &[u8]) -> bool {
        xeddsa::verify(self, message, signature)
    }

    /// The u-coordinate, 32 bytes little-endian.
    pub(crate) fn coordinate(&self) -> MontgomeryPoint {
        let mut coordinate = [0; 32];
        coordinate.copy_from_slice(&self.0[1..]);
        MontgomeryPoint(coordinate)
    }

    fn of_point(point: &MontgomeryPoint) -> Self {
        let mut bytes = [TYPE; PUBLIC_KEY_BYTES];
        bytes[1..].copy_from_slice(&point.0);
        Self(bytes)
    }
}

/// Public keys are no secrets: their first bytes, to tell them apart.
impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PublicKey(")?;
        for byte in &self.0[1..7] {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str("…)")
    }
}

fn check_coordinate(coordinate: &[u8]) -> Result<(), KeyError> {
    // Compared from the most significant byte: little-endian, so from the end.
    if !coordinate.iter().rev().lt(FIELD_PRIME.iter().rev()) {
        return Err(KeyError::NonCanonical);
    }
    if LOW_ORDER.iter().any(|low| low == coordinate) {
        return Err(KeyError::LowOrder);
    }
    Ok(())
}

/// What two parties agree on: 32 secret bytes.
pub type SharedSecret = Zeroizing<[u8; 32]>;

/// A product as a secret, unless it is all zeros (RFC 7748 §6.1).
fn shared_secret(product: MontgomeryPoint) -> Result<SharedSecret, KeyError> {
    let secret = Zeroizing::new(product.0);
    if bool::from(secret.ct_eq(&[0; 32])) {
        return Err(KeyError::LowOrder);
    }
    Ok(secret)
}

/// An X25519 private key: 32 bytes, clamped where it is used (RFC 7748 §5).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; 32]);

impl PrivateKey {
    /// A new key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key.clamp();
        key
    }

    /// Reads a kept key.
    ///
    /// # Errors
    /// Another length than 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut key = Self([0; 32]);
        if bytes.len() != key.0.len() {
            return Err(KeyError::Length);
        }
        key.0.copy_from_slice(bytes);
        key.clamp();
        Ok(key)
    }

    /// The 32 bytes to keep. They are the secret.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half: one multiplication by the base point, so keep it beside the private one.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of_point(&MontgomeryPoint::mul_base_clamped(self.0))
    }

    /// X25519 (RFC 7748 §5).
    ///
    /// # Errors
    /// [`KeyError::LowOrder`] when the outcome is all zeros, which no key that [`PublicKey::from_bytes`] lets pass gives.
    pub fn agree(&self, theirs: &PublicKey) -> Result<SharedSecret, KeyError> {
        self.agree_prepared(&PreparedKey::new(theirs))
    }

    /// [`Self::agree`] with a key that is used more than once.
    pub(crate) fn agree_prepared(&self, theirs: &PreparedKey) -> Result<SharedSecret, KeyError> {
        shared_secret(theirs.multiply(self.0))
    }

    fn clamp(&mut self) {
        self.0[0] &= 0b1111_1000;
        self.0[31] &= 0b0111_1111;
        self.0[31] |= 0b0100_0000;
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(…)")
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PrivateKey {}

/// A private key with its public half beside it, so that it is computed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    private: PrivateKey,
    public: PublicKey,
}

impl KeyPair {
    /// A new pair.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_private(PrivateKey::generate(rng))
    }

    /// The pair of a private key.
    #[must_use]
    pub fn from_private(private: PrivateKey) -> Self {
        let public = private.public_key();
        Self { private, public }
    }

    /// A pair that was kept: the halves are believed to belong together.
    pub(crate) fn from_kept(private: PrivateKey, public: PublicKey) -> Self {
        Self { private, public }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private half.
    #[must_use]
    pub fn private(&self) -> &PrivateKey {
        &self.private
    }

    /// See [`PrivateKey::agree`].
    ///
    /// # Errors
    /// As there.
    pub fn agree(&self, theirs: &PublicKey) -> Result<SharedSecret, KeyError> {
        self.private.agree(theirs)
    }
}

/// The long-lived pair that says who an account is: it agrees and signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKeyPair(SigningPair);

impl IdentityKeyPair {
    /// A new identity.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_key_pair(KeyPair::generate(rng))
    }

    /// The identity of a pair. It costs a multiplication by the base point, so load it once.
    #[must_use]
    pub fn from_key_pair(pair: KeyPair) -> Self {
        Self(SigningPair::new(pair))
    }

    /// The public half, which peers trust.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        self.key_pair().public()
    }

    /// The pair.
    #[must_use]
    pub fn key_pair(&self) -> &KeyPair {
        self.0.pair()
    }

    /// Signs `message` ([XEdDSA](crate::xeddsa)): 64 bytes.
    pub fn sign(&self, message: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Signature {
        self.0.sign(message, rng)
    }
}

#[cfg(test)]
mod tests;
