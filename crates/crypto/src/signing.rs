//! Signing access tokens with a tenant's key, and showing its public half.

use crate::jose_header::JoseHeader;
use crate::private_key::PrivateKey;
use crate::{AccessClaims, base64url};
use keyward_model::{
    AccessTokenSecret, PrivateKeySecret, SigningAlgorithm, SigningKey, SigningKeyId,
};
use serde_json::{Value, json};
use std::fmt;
use zeroize::Zeroizing;

/// Length of a coordinate on P-256 (RFC 7518 §6.2.1.2).
const COORDINATE_BYTES: usize = 32;

/// A private key, ready to sign, with the header that all its tokens share.
pub struct TokenSigner {
    id: SigningKeyId,
    protected: String,
    key: PrivateKey,
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

/// The public key as a JSON Web Key (RFC 8037 §2, RFC 7518 §6.2.1): what an issuer's key set lists.
///
/// # Errors
/// [`SigningError::BadPublicKey`] when it is not of its algorithm's form.
pub fn public_jwk(key: &SigningKey) -> Result<Value, SigningError> {
    let mut jwk = match key.algorithm {
        SigningAlgorithm::EdDsa => json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64url::encode(&key.public_key),
        }),
        SigningAlgorithm::Es256 => {
            let (x, y) = coordinates(&key.public_key).ok_or(SigningError::BadPublicKey)?;
            json!({
                "kty": "EC",
                "crv": "P-256",
                "x": base64url::encode(x),
                "y": base64url::encode(y),
            })
        }
    };
    jwk["use"] = json!("sig");
    jwk["alg"] = json!(key.algorithm);
    jwk["kid"] = json!(key.id);
    Ok(jwk)
}

/// The two halves of an uncompressed point of P-256 (SEC 1 §2.3.3), 32 bytes each.
fn coordinates(point: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&4, coordinates) = point.split_first()? else {
        return None;
    };
    (coordinates.len() == 2 * COORDINATE_BYTES).then(|| coordinates.split_at(COORDINATE_BYTES))
}

impl TokenSigner {
    /// Takes a private key as [`crate::mint_private_key`] makes it.
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
        let key = PrivateKey::parse(algorithm, secret)?;
        Ok(Self { id, protected, key })
    }

    /// Names the key.
    pub fn id(&self) -> SigningKeyId {
        self.id
    }

    /// The raw public key, see [`SigningKey::public_key`].
    pub fn public_key(&self) -> Vec<u8> {
        self.key.public_key().to_vec()
    }

    /// An access token with these claims: JWS compact serialization (RFC 7515 §7.1), its protected header exactly
    /// `{"alg":"<alg>","kid":"<id>","typ":"at+jwt"}` (RFC 9068 §2.1).
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
        let signature = self.key.sign(text.as_bytes())?;
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

#[cfg(test)]
mod tests;
