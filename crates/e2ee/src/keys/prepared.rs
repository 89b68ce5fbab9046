//! Keys with what is computed of them once beside them.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use rand_core::CryptoRng;

use zeroize::Zeroize;

use super::{KeyError, KeyPair, PrivateKey, PublicKey, SharedSecret, shared_secret};
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

    fn product(&self, private: &PrivateKey) -> Product {
        match &self.edwards {
            Some(point) => Product::Edwards(point.mul_clamped(*private.expose())),
            None => Product::Coordinate(self.coordinate.mul_clamped(*private.expose())),
        }
    }

    /// The point of sign 0, if there is one.
    pub(crate) fn edwards(&self) -> Option<&EdwardsPoint> {
        self.edwards.as_ref()
    }
}

enum Product {
    Edwards(EdwardsPoint),
    Coordinate(MontgomeryPoint),
}

/// Several agreements and public keys at once: turning a point into its u-coordinate takes an inversion in the field, a seventh
/// of a multiplication, and one inversion does for all.
#[derive(Default)]
pub(crate) struct Agreements(Vec<Product>);

impl Agreements {
    /// An agreement, whose secret is at the same place of [`Self::secrets`]. It is [`PrivateKey::agree`].
    pub(crate) fn add(&mut self, private: &PrivateKey, theirs: &PreparedKey) {
        self.0.push(theirs.product(private));
    }

    /// The secrets, as they were added, and the pairs of private keys that have no public half yet.
    ///
    /// # Errors
    /// [`KeyError::LowOrder`] when a secret is all zeros.
    pub(crate) fn secrets<const N: usize>(
        self,
        new: [PrivateKey; N],
    ) -> Result<(Vec<SharedSecret>, [KeyPair; N]), KeyError> {
        let edwards = self.0.iter().filter_map(|product| match product {
            Product::Edwards(point) => Some(*point),
            Product::Coordinate(_) => None,
        });
        let base = |private: &PrivateKey| EdwardsPoint::mul_base_clamped(*private.expose());
        let mut points: Vec<EdwardsPoint> = new.iter().map(base).collect();
        points.reserve_exact(self.0.len());
        points.extend(edwards);
        let mut coordinates = EdwardsPoint::to_montgomery_batch(&points);
        points.zeroize();
        let mut converted = coordinates.iter();
        let mut next = || converted.next().copied().unwrap_or_default();
        let pairs = new.map(|private| {
            let public = PublicKey::of_point(&next());
            KeyPair { private, public }
        });
        let secrets = self.0.iter().map(|product| {
            shared_secret(match product {
                Product::Edwards(_) => next(),
                Product::Coordinate(coordinate) => *coordinate,
            })
        });
        let secrets: Result<Vec<_>, _> = secrets.collect();
        coordinates.zeroize();
        Ok((secrets?, pairs))
    }
}

impl Drop for Agreements {
    fn drop(&mut self) {
        for product in &mut self.0 {
            match product {
                Product::Edwards(point) => point.zeroize(),
                Product::Coordinate(coordinate) => coordinate.zeroize(),
            }
        }
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
