//! XEdDSA: Ed25519-like signatures by X25519 keys.
//!
//! After the published specification (signal.org/docs, XEdDSA), with the one deviation of the wire: the sign bit of the
//! Edwards public key is not forced to 0 by negating the private key; it travels in the top bit of the signature's last
//! byte. Signatures made exactly as published carry a 0 there and verify too.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRng;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keys::{PreparedKey, PrivateKey, PublicKey};

/// The length of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// R, then s with the public key's Edwards sign in the top bit.
pub type Signature = [u8; SIGNATURE_BYTES];

/// `hash_1` of the specification: SHA-512 with this prefix, 2^256 - 1 - 1 little-endian.
const NONCE_PREFIX: [u8; 32] = {
    let mut prefix = [0xff; 32];
    prefix[0] = 0xfe;
    prefix
};

/// The compressed Edwards form of a public key, with the sign that its private key gives: 32 bytes, not secret.
pub(crate) type EdwardsKey = [u8; 32];

/// The Edwards form of a private key's public half: one multiplication, so keep it beside a key that signs often.
pub(crate) fn edwards_of(private: &PrivateKey) -> EdwardsKey {
    EdwardsPoint::mul_base_clamped(*private.expose())
        .compress()
        .0
}

/// Signs `message` with 64 fresh random bytes.
pub fn sign(
    private: &PrivateKey,
    message: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Signature {
    sign_prepared(private, &edwards_of(private), message, rng)
}

/// [`sign`] with [`edwards_of`] the same key at hand, in half the time.
pub(crate) fn sign_prepared(
    private: &PrivateKey,
    public: &EdwardsKey,
    message: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Signature {
    let mut random = Zeroizing::new([0; 64]);
    rng.fill_bytes(random.as_mut_slice());
    let secret = Zeroizing::new(Scalar::from_bytes_mod_order(*private.expose()));
    let nonce = Zeroizing::new(scalar_of_hash(&[
        &NONCE_PREFIX,
        private.expose(),
        message,
        random.as_slice(),
    ]));
    let commitment = EdwardsPoint::mul_base(&nonce).compress().0;
    let challenge = scalar_of_hash(&[&commitment, public, message]);
    let response = challenge * *secret + *nonce;
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..32].copy_from_slice(&commitment);
    signature[32..].copy_from_slice(response.as_bytes());
    signature[63] |= public[31] & 0x80;
    signature
}

/// Whether `signature` is the work of `public`'s holder over `message`. Anything of another length is not.
#[must_use]
pub fn verify(public: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let key = PreparedKey::new(public);
    Verifier::new(&key).is_some_and(|verifier| verifier.is_valid(message, signature))
}

/// [`verify`] for several signatures of one key.
pub(crate) struct Verifier<'a> {
    even: &'a EdwardsPoint,
    compressed: EdwardsKey,
}

impl<'a> Verifier<'a> {
    /// None for a point of the twist, under which no signature holds.
    pub(crate) fn new(public: &'a PreparedKey) -> Option<Self> {
        let even = public.edwards()?;
        let compressed = even.compress().0;
        Some(Self { even, compressed })
    }

    /// [`verify`].
    pub(crate) fn is_valid(&self, message: &[u8], signature: &[u8]) -> bool {
        is_valid(self.even, self.compressed, message, signature).unwrap_or(false)
    }
}

/// [`verify`] with the public key's Edwards form of sign 0.
#[must_use]
pub(crate) fn verify_edwards(public: &EdwardsKey, message: &[u8], signature: &[u8]) -> bool {
    let Some(even) = CompressedEdwardsY(*public).decompress() else {
        return false;
    };
    is_valid(&even, *public, message, signature).unwrap_or(false)
}

/// `even` is the public key with sign 0, `public` the same point compressed.
fn is_valid(
    even: &EdwardsPoint,
    mut public: EdwardsKey,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let (commitment, response) = signature.split_first_chunk::<32>()?;
    let mut response: [u8; 32] = response.try_into().ok()?;
    let sign = response[31] >> 7;
    response[31] &= 0x7f;
    // A scalar that is not reduced would be a second signature over the same message.
    let response = Option::<Scalar>::from(Scalar::from_canonical_bytes(response))?;
    let minus_public = if sign == 0 { -even } else { *even };
    public[31] |= sign << 7;
    let challenge = scalar_of_hash(&[commitment, &public, message]);
    let expected =
        EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &minus_public, &response);
    Some(expected.compress().0.ct_eq(commitment).into())
}

fn scalar_of_hash(pieces: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new();
    for piece in pieces {
        hash.update(piece);
    }
    let mut wide = Zeroizing::new([0; 64]);
    wide.copy_from_slice(&hash.finalize());
    Scalar::from_bytes_mod_order_wide(&wide)
}

#[cfg(test)]
mod tests;
