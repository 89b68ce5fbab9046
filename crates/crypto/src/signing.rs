//! Signing access tokens with a tenant's key, and showing its public half.

use crate::jose_header::JoseHeader;
use crate::{AccessClaims, base64url};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use keyward_model::{
    AccessTokenSecret, PrivateKeySecret, Random, SigningAlgorithm, SigningKey, SigningKeyId,
};
use serde_json::{Value, json};
use std::fmt;
use zeroize::Zeroizing;

/// Length of an Ed25519 private key (RFC 8032 §5.1.5).
const SEED_BYTES: usize = 32;

/// A private key, ready to sign, with the header that all its tokens share.
pub struct TokenSigner {
    id: SigningKeyId,
    protected: String,
    key: PrivateKey,
}

/// One variant for each [`SigningAlgorithm`].
enum PrivateKey {
    Ed25519(Ed25519KeyPair),
}

/// Why a key cannot be used or a token not be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// Not a private key of the algorithm.
    #[error("not a private key of its algorithm")]
    BadPrivateKey,
    /// Not a public key of the algorithm.
    #[error("not a public key of its algorithm")]
    BadPublicKey,
    /// The library failed.
    #[error("signing failed")]
    NotSigned,
}

/// Makes a private key: 32 random bytes (RFC 8032 §5.1.5).
pub fn mint_private_key(random: &dyn Random) -> PrivateKeySecret {
    let mut seed = vec![0_u8; SEED_BYTES];
    random.fill(&mut seed);
    PrivateKeySecret::new(seed)
}

/// The public key as a JSON Web Key (RFC 8037 §2): what an issuer's key set lists.
pub fn public_jwk(key: &SigningKey) -> Value {
    match key.algorithm {
        SigningAlgorithm::EdDsa => json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64url::encode(&key.public_key),
            "use": "sig",
            "alg": key.algorithm,
            "kid": key.id,
        }),
    }
}

impl TokenSigner {
    /// Takes a private key; for Ed25519 its seed of 32 bytes, see [`mint_private_key`].
    ///
    /// # Errors
    /// [`SigningError::BadPrivateKey`].
    pub fn from_secret(
        id: SigningKeyId,
        algorithm: SigningAlgorithm,
        secret: &PrivateKeySecret,
    ) -> Result<Self, SigningError> {
        let header = JoseHeader {
            algorithm,
            key_id: id,
        };
        let protected = header.write().map_err(|_| SigningError::NotSigned)?;
        let key = match algorithm {
            SigningAlgorithm::EdDsa => PrivateKey::Ed25519(key_pair(secret.expose())?),
        };
        Ok(Self { id, protected, key })
    }

    /// The raw public key; for Ed25519 32 bytes.
    pub fn public_key(&self) -> Vec<u8> {
        match &self.key {
            PrivateKey::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// An access token with these claims: JWS compact serialization (RFC 7515 §7.1), its protected header exactly
    /// `{"alg":"EdDSA","kid":"<id>","typ":"at+jwt"}` (RFC 9068 §2.1).
    ///
    /// # Errors
    /// [`SigningError::NotSigned`].
    pub fn sign(&self, claims: &AccessClaims) -> Result<AccessTokenSecret, SigningError> {
        let payload = serde_json::to_vec(claims).map_err(|_| SigningError::NotSigned)?;
        self.sign_compact(&self.protected, &payload)
    }

    fn sign_compact(
        &self,
        protected: &str,
        payload: &[u8],
    ) -> Result<AccessTokenSecret, SigningError> {
        // A buffer that grows leaves unwiped copies, but those lack the signature and open nothing.
        let mut text = Zeroizing::new(protected.to_owned());
        text.push('.');
        base64url::append(&mut text, payload);
        let signature = match &self.key {
            PrivateKey::Ed25519(pair) => pair.try_sign(text.as_bytes()),
        };
        let signature = signature.map_err(|_| SigningError::NotSigned)?;
        Ok(AccessTokenSecret::new(format!(
            "{}.{}",
            *text,
            base64url::encode(signature.as_ref())
        )))
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenSigner")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn key_pair(seed: &[u8]) -> Result<Ed25519KeyPair, SigningError> {
    // The library itself refuses only shorter ones.
    if seed.len() != SEED_BYTES {
        return Err(SigningError::BadPrivateKey);
    }
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SigningError::BadPrivateKey)
}

#[cfg(test)]
mod tests {
    use super::{SigningError, TokenSigner, mint_private_key, public_jwk};
    use crate::fixture::{Filled, PUBLIC_KEY, PYJWT_TOKEN, claims, private_key, signing_key_id};
    use crate::{TokenVerifier, base64url};
    use keyward_model::{PrivateKeySecret, SealedBytes, SigningAlgorithm, SigningKey, Timestamp};

    fn signer() -> TokenSigner {
        TokenSigner::from_secret(signing_key_id(), SigningAlgorithm::EdDsa, &private_key()).unwrap()
    }

    #[test]
    fn signs_as_rfc_8037_appendix_a_4_does() {
        let signed = signer().sign_compact("eyJhbGciOiJFZERTQSJ9", b"Example of Ed25519 signing");
        assert_eq!(
            signed.unwrap().expose(),
            concat!(
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            )
        );
    }

    #[test]
    fn signs_as_another_library_does() {
        assert_eq!(signer().sign(&claims()).unwrap().expose(), PYJWT_TOKEN);
    }

    #[test]
    fn what_one_key_signs_another_does_not_verify() {
        let other = mint_private_key(&Filled(1));
        let other =
            TokenSigner::from_secret(signing_key_id(), SigningAlgorithm::EdDsa, &other).unwrap();
        let verifier = TokenVerifier::new(SigningAlgorithm::EdDsa, &signer().public_key()).unwrap();
        assert!(verifier.verify(&signer().sign(&claims()).unwrap()).is_ok());
        assert!(verifier.verify(&other.sign(&claims()).unwrap()).is_err());
    }

    #[test]
    fn the_public_key_has_the_shape_of_rfc_8037_appendix_a_2() {
        let key = SigningKey {
            id: signing_key_id(),
            algorithm: SigningAlgorithm::EdDsa,
            public_key: signer().public_key(),
            sealed_private_key: SealedBytes(Vec::new()),
            created_at: Timestamp::from_micros(0),
            version: 1,
        };
        let expected = serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "x": PUBLIC_KEY, "use": "sig", "alg": "EdDSA",
            "kid": "01890a5d-ac96-774b-bcce-b302099a8056",
        });
        assert_eq!(public_jwk(&key), expected);
        assert_eq!(base64url::encode(&key.public_key), PUBLIC_KEY);
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for length in [0, 31, 33, 64] {
            let secret = PrivateKeySecret::new(vec![1; length]);
            let refused =
                TokenSigner::from_secret(signing_key_id(), SigningAlgorithm::EdDsa, &secret);
            assert_eq!(refused.unwrap_err(), SigningError::BadPrivateKey);
        }
    }

    #[test]
    fn debug_shows_the_id_alone() {
        assert_eq!(
            format!("{:?}", signer()),
            format!("TokenSigner {{ id: {}, .. }}", signing_key_id())
        );
        assert_eq!(format!("{:?}", mint_private_key(&Filled(1))), "[redacted]");
        assert_eq!(
            format!("{:?}", signer().sign(&claims()).unwrap()),
            "[redacted]"
        );
    }
}
