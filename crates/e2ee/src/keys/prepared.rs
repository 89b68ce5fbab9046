//! Keys with what is computed of them once beside them.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use rand_core::CryptoRng;

use super::{KeyPair, PublicKey};
use crate::xeddsa::{self, EdwardsKey, Signature};

/// A public key on the Edwards curve, where multiplication takes half the time of the Montgomery ladder (AVX2) and the
/// conversion an eighth: agreements with one key share it, and verifications too.
pub(crate) struct PreparedKey {
    coordinate: MontgomeryPoint,
    /// Of sign 0; none for a point of the twist, which RFC 7748 allows: that takes the ladder.
    edwards: Option<EdwardsPoint>,
}

impl PreparedKey {
    /// Converts a key.
    pub(crate) fn new(key: &PublicKey) -> Self {
        let coordinate = key.coordinate();
        Self {
            coordinate,
            edwards: coordinate.to_edwards(0),
        }
    }

    /// The product with a scalar, which is clamped here: X25519 (RFC 7748 §5).
    pub(super) fn multiply(&self, scalar: [u8; 32]) -> MontgomeryPoint {
        match &self.edwards {
            Some(point) => point.mul_clamped(scalar).to_montgomery(),
            None => self.coordinate.mul_clamped(scalar),
        }
    }

    /// The point of sign 0, if there is one.
    pub(crate) fn edwards(&self) -> Option<&EdwardsPoint> {
        self.edwards.as_ref()
    }
}

/// A public key whose signatures are checked often, with its Edwards form beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifyingKey {
    key: PublicKey,
    /// Of sign 0; none for a point of the twist, under which no signature holds.
    edwards: Option<EdwardsKey>,
}

impl VerifyingKey {
    /// Converts a key.
    pub(crate) fn new(key: &PublicKey) -> Self {
        let edwards = PreparedKey::new(key)
            .edwards()
            .map(|point| point.compress().0);
        Self { key: *key, edwards }
    }

    /// A key that was kept with its Edwards form, if it has one: they are believed to belong together.
    pub(crate) fn from_kept(key: PublicKey, edwards: Option<EdwardsKey>) -> Self {
        Self { key, edwards }
    }

    /// The key.
    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Its Edwards form, to keep.
    pub(crate) fn edwards(&self) -> Option<&EdwardsKey> {
        self.edwards.as_ref()
    }

    /// Whether the key's holder signed `message`.
    pub(crate) fn is_signature_valid(&self, message: &[u8], signature: &[u8]) -> bool {
        let edwards = self.edwards.as_ref();
        edwards.is_some_and(|edwards| xeddsa::verify_edwards(edwards, message, signature))
    }
}

/// A pair that signs ([XEdDSA](crate::xeddsa)), with what signing would compute each time beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningPair {
    pair: KeyPair,
    edwards: EdwardsKey,
}

impl SigningPair {
    /// The pair, made ready to sign: one multiplication by the base point.
    pub(crate) fn new(pair: KeyPair) -> Self {
        let edwards = xeddsa::edwards_of(pair.private());
        Self { pair, edwards }
    }

    /// A pair that was kept with its Edwards form: they are believed to belong together.
    pub(crate) fn from_kept(pair: KeyPair, edwards: EdwardsKey) -> Self {
        Self { pair, edwards }
    }

    /// The pair.
    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    /// The public half's Edwards form, to keep.
    pub(crate) fn edwards(&self) -> &EdwardsKey {
        &self.edwards
    }

    /// Signs `message`: 64 bytes.
    pub(crate) fn sign(&self, message: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Signature {
        xeddsa::sign_prepared(self.pair.private(), &self.edwards, message, rng)
    }
}
