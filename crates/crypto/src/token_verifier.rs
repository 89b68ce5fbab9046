//! Verifying access tokens: JWS compact serialization (RFC 7515 §7.1), signature first.

use crate::jose_header::JoseHeader;
use crate::{AccessClaims, SigningError, TokenProblem, base64url};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ED25519_PUBLIC_KEY_LEN, ParsedPublicKey,
    VerificationAlgorithm,
};
use keyward_model::{AccessTokenSecret, SigningAlgorithm, SigningKeyId};
use std::fmt;

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;
/// Length of an uncompressed point of P-256 (SEC 1 §2.3.3).
const P256_POINT_BYTES: usize = 65;

/// A public key, parsed once and kept, and the one algorithm that it verifies.
pub struct TokenVerifier {
    algorithm: SigningAlgorithm,
    key: ParsedPublicKey,
}

/// The parts of a token in compact form, not decoded.
pub(crate) struct Parts<'a> {
    /// Header, dot and payload.
    signed: &'a str,
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    signature: &'a str,
}

/// Which key a token says it is signed with. Nothing is verified yet; this only finds the key to verify with.
///
/// # Errors
/// [`TokenProblem::Malformed`], [`TokenProblem::UnsupportedAlgorithm`] or [`TokenProblem::WrongType`].
pub fn key_id_of(token: &AccessTokenSecret) -> Result<SigningKeyId, TokenProblem> {
    JoseHeader::read(Parts::of(token.expose())?.header).map(|header| header.key_id)
}

impl TokenVerifier {
    /// Takes a raw public key: for Ed25519 its 32 bytes (RFC 8032 §5.1.5), for P-256 the uncompressed point of 65.
    ///
    /// # Errors
    /// [`SigningError::BadPublicKey`].
    pub fn new(algorithm: SigningAlgorithm, public_key: &[u8]) -> Result<Self, SigningError> {
        let (scheme, length): (&'static dyn VerificationAlgorithm, _) = match algorithm {
            SigningAlgorithm::EdDsa => (&ED25519, ED25519_PUBLIC_KEY_LEN),
            // Fixed: a signature is r and s of 32 bytes each and nothing else (RFC 7518 §3.4).
            SigningAlgorithm::Es256 => (&ECDSA_P256_SHA256_FIXED, P256_POINT_BYTES),
        };
        let uncompressed = algorithm != SigningAlgorithm::Es256 || public_key.first() == Some(&4);
        // The library would take other encodings of the key as well.
        if public_key.len() != length || !uncompressed {
            return Err(SigningError::BadPublicKey);
        }
        let key =
            ParsedPublicKey::new(scheme, public_key).map_err(|_| SigningError::BadPublicKey)?;
        Ok(Self { algorithm, key })
    }

    /// The claims of a token that this key signed; their payload is not even decoded before that is sure (ASVS V9.1.1).
    /// Whether they count here and now is for [`AccessClaims::check`].
    ///
    /// # Errors
    /// [`TokenProblem::Malformed`], [`TokenProblem::UnsupportedAlgorithm`], [`TokenProblem::WrongType`] or
    /// [`TokenProblem::BadSignature`].
    pub fn verify(&self, token: &AccessTokenSecret) -> Result<AccessClaims, TokenProblem> {
        let parts = Parts::of(token.expose())?;
        if JoseHeader::read(parts.header)?.algorithm != self.algorithm {
            return Err(TokenProblem::UnsupportedAlgorithm);
        }
        let payload = self.payload_of(&parts)?;
        serde_json::from_slice(&payload).map_err(|_| TokenProblem::Malformed)
    }

    /// The payload, if this key signed it.
    pub(crate) fn payload_of(&self, parts: &Parts<'_>) -> Result<Vec<u8>, TokenProblem> {
        let signature = base64url::decode(parts.signature).ok_or(TokenProblem::Malformed)?;
        self.key
            .verify_sig(parts.signed.as_bytes(), &signature)
            .map_err(|_| TokenProblem::BadSignature)?;
        base64url::decode(parts.payload).ok_or(TokenProblem::Malformed)
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenVerifier")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl<'a> Parts<'a> {
    pub(crate) fn of(text: &'a str) -> Result<Self, TokenProblem> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenProblem::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenProblem::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenProblem::Malformed)?;
        match payload.contains('.') {
            true => Err(TokenProblem::Malformed),
            false => Ok(Self {
                signed,
                header,
                payload,
                signature,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
