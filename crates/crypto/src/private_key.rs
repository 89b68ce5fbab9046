//! Private keys of each signing algorithm: made, parsed and used.

use crate::SigningError;
use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, Signature,
};
use keyward_model::{PrivateKeySecret, Random, SigningAlgorithm};

/// Length of an Ed25519 seed (RFC 8032 §5.1.5), and of a P-256 private key.
const KEY_BYTES: usize = 32;
/// How often a P-256 key is drawn: four draws in 2^32 are out of range, so a second failure is a broken generator.
const DRAWS_MAX: usize = 8;

/// A parsed private key: one variant for each [`SigningAlgorithm`].
pub(crate) enum PrivateKey {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// Makes a private key: for Ed25519 32 random bytes (RFC 8032 §5.1.5); for P-256 a number from 1 to n - 1, big-endian, drawn
/// until it is in that range (FIPS 186-5 §A.2.2).
///
/// # Errors
/// [`SigningError::BadPrivateKey`] when the generator never gives a number in range: it is broken.
pub fn mint_private_key(
    algorithm: SigningAlgorithm,
    random: &dyn Random,
) -> Result<PrivateKeySecret, SigningError> {
    let mut drawn = (0..DRAWS_MAX).map(|_| {
        let mut bytes = vec![0_u8; KEY_BYTES];
        random.fill(&mut bytes);
        PrivateKeySecret::new(bytes)
    });
    drawn
        .find(|secret| PrivateKey::parse(algorithm, secret).is_ok())
        .ok_or(SigningError::BadPrivateKey)
}

impl PrivateKey {
    /// # Errors
    /// [`SigningError::BadPrivateKey`].
    pub(crate) fn parse(
        algorithm: SigningAlgorithm,
        secret: &PrivateKeySecret,
    ) -> Result<Self, SigningError> {
        // The library itself refuses only shorter seeds.
        if secret.expose().len() != KEY_BYTES {
            return Err(SigningError::BadPrivateKey);
        }
        match algorithm {
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_seed_unchecked(secret.expose())
                .map(Self::Ed25519)
                .map_err(|_| SigningError::BadPrivateKey),
            SigningAlgorithm::Es256 => parse_p256(secret.expose()).map(Self::P256),
        }
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        match self {
            Self::Ed25519(pair) => pair.public_key().as_ref(),
            Self::P256(pair) => pair.public_key().as_ref(),
        }
    }

    /// A signature as JWS has it: for Ed25519 its 64 bytes; for ES256 r and s of 32 bytes each (RFC 7518 §3.4).
    ///
    /// ECDSA's secret number is drawn inside of the library and never given from outside: two signatures that share one
    /// reveal the key.
    ///
    /// # Errors
    /// [`SigningError::NotSigned`].
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Signature, SigningError> {
        let signature = match self {
            Self::Ed25519(pair) => pair.try_sign(message),
            Self::P256(pair) => pair.sign(&SystemRandom::new(), message),
        };
        signature.map_err(|_| SigningError::NotSigned)
    }
}

/// The library takes a key pair only whole; key agreement on the same curve tells the public half.
fn parse_p256(secret: &[u8]) -> Result<EcdsaKeyPair, SigningError> {
    let bad = |_| SigningError::BadPrivateKey;
    let public_key = agreement::PrivateKey::from_private_key(&ECDH_P256, secret)
        .map_err(bad)?
        .compute_public_key()
        .map_err(|_| SigningError::BadPrivateKey)?;
    EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        secret,
        public_key.as_ref(),
    )
    .map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::{PrivateKey, mint_private_key};
    use crate::SigningError;
    use crate::base64url::{decode, encode};
    use crate::fixture::{Counting, Filled, P256_PRIVATE_KEY, P256_X, P256_Y};
    use keyward_model::{PrivateKeySecret, SigningAlgorithm};

    /// The order of P-256 (SP 800-186 §3.2.1.3), base64url.
    const ORDER: &str = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";

    fn parse(algorithm: SigningAlgorithm, bytes: Vec<u8>) -> Result<PrivateKey, SigningError> {
        PrivateKey::parse(algorithm, &PrivateKeySecret::new(bytes))
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for algorithm in SigningAlgorithm::ALL {
            for length in [0, 31, 33, 64] {
                let refused = parse(algorithm, vec![1; length]);
                assert_eq!(refused.err(), Some(SigningError::BadPrivateKey));
            }
        }
    }

    #[test]
    fn the_public_key_is_that_of_rfc_7515_appendix_a_3() {
        let key = parse(SigningAlgorithm::Es256, decode(P256_PRIVATE_KEY).unwrap()).unwrap();
        let public = key.public_key();
        assert_eq!((public.len(), public[0]), (65, 4), "uncompressed");
        assert_eq!(encode(&public[1..33]), P256_X);
        assert_eq!(encode(&public[33..]), P256_Y);
    }

    #[test]
    fn a_p256_key_is_from_one_to_the_order_less_one() {
        let order = decode(ORDER).unwrap();
        let mut last = order.clone();
        last[31] -= 1;
        let mut one = vec![0; 32];
        one[31] = 1;
        for good in [one, last] {
            assert!(parse(SigningAlgorithm::Es256, good).is_ok());
        }
        for bad in [vec![0; 32], order, vec![0xff; 32]] {
            assert!(parse(SigningAlgorithm::Es256, bad).is_err());
        }
    }

    #[test]
    fn a_generator_that_never_gives_a_key_is_found_out() {
        for broken in [0, 0xff] {
            let refused = mint_private_key(SigningAlgorithm::Es256, &Filled(broken));
            assert_eq!(refused.unwrap_err(), SigningError::BadPrivateKey);
        }
    }

    #[test]
    fn no_two_keys_are_the_same() {
        let random = Counting::default();
        for algorithm in SigningAlgorithm::ALL {
            let first = mint_private_key(algorithm, &random).unwrap();
            let second = mint_private_key(algorithm, &random).unwrap();
            assert_ne!(first.expose(), second.expose());
            assert_eq!(format!("{first:?}"), "[redacted]");
        }
    }
}
