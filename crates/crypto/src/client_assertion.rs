//! Assertions by which OAuth clients prove who they are (RFC 7523 §2.2, §3): signed by a key that was registered before,
//! for this server alone, for minutes, and for once. That it is the first time is for the store to say.

use crate::jose_header::Members;
use crate::token_verifier::Parts;
use crate::{SigningError, TokenProblem, TokenVerifier, base64url};
use keyward_model::{ClientKey, SigningAlgorithm, Timestamp};
use serde::Deserialize;

/// How far ahead an assertion may end, in seconds: so long its `jti` is remembered.
const AHEAD_SECONDS_MAX: i64 = 300;
/// How far ahead of our clock the client's may be where the assertion says when it begins.
const LEEWAY_SECONDS: i64 = 30;
/// How long a `jti` may be, in bytes.
const JTI_BYTES_MAX: usize = 255;
/// The types that an assertion may say it is: RFC 7519's, or the one that tells it from every other kind of token.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// The claims of an assertion (RFC 7523 §3). Others are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AssertionClaims {
    /// The client.
    pub iss: String,
    /// The client again.
    pub sub: String,
    /// For whom it is meant.
    pub aud: Audience,
    /// Names the assertion.
    pub jti: String,
    /// From when on it is over, in seconds since 1970.
    pub exp: i64,
    /// From when on it counts.
    pub nbf: Option<i64>,
    /// When it was made.
    pub iat: Option<i64>,
}

/// For whom an assertion is meant. A list of several is refused: each of them could use it at the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// A list of one.
    List([String; 1]),
}

/// Why an assertion is refused. Clients are told `invalid_client` and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionProblem {
    /// Its form, its algorithm or its signature.
    #[error(transparent)]
    Token(#[from] TokenProblem),
    /// None of the client's keys is the one that it names.
    #[error("no key of the client is the one that signed it")]
    UnknownKey,
    /// By another client, or about another.
    #[error("the assertion is another client's")]
    OtherClient,
    /// Meant for somebody else, or for several.
    #[error("the assertion is for another audience")]
    OtherAudience,
    /// Its time is over, has not begun, or is longer than five minutes.
    #[error("the assertion does not count now")]
    WrongTime,
    /// Its name is empty or too long.
    #[error("the assertion has no usable jti")]
    BadName,
}

/// Whether a key can verify anything.
///
/// # Errors
/// [`SigningError::BadPublicKey`].
pub fn verify_client_key(key: &ClientKey) -> Result<(), SigningError> {
    verifier_of(key).map(drop)
}

/// Which client an assertion says that it is of. Nothing is verified yet; this only finds the keys to verify with.
pub fn client_id_of_assertion(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        sub: String,
    }
    let parts = Parts::of(assertion).ok()?;
    let payload = base64url::decode(parts.payload)?;
    let named: Named = serde_json::from_slice(&payload).ok()?;
    Some(named.sub)
}

/// The claims of an assertion that one of the keys signed. Whether they count is for [`AssertionClaims::check`].
///
/// # Errors
/// [`AssertionProblem::Token`], [`AssertionProblem::UnknownKey`].
pub fn verify_client_assertion(
    assertion: &str,
    keys: &[ClientKey],
) -> Result<AssertionClaims, AssertionProblem> {
    let parts = Parts::of(assertion)?;
    let header = Members::read(parts.header)?;
    let algorithm = header.algorithm()?;
    let is_allowed = |typ: &String| TYPES.iter().any(|name| name.eq_ignore_ascii_case(typ));
    if !header.typ.iter().all(is_allowed) {
        return Err(TokenProblem::WrongType.into());
    }
    // Without a name any key of the algorithm may be meant: there are four at most.
    let is_meant =
        |key: &&ClientKey| key.alg == algorithm && (header.kid.is_none() || key.kid == header.kid);
    let mut problem = AssertionProblem::UnknownKey;
    for key in keys.iter().filter(is_meant) {
        let verifier = verifier_of(key).map_err(|_| AssertionProblem::UnknownKey)?;
        match verifier.payload_of(&parts) {
            Ok(payload) => {
                return serde_json::from_slice(&payload)
                    .map_err(|_| TokenProblem::Malformed.into());
            }
            Err(refused) => problem = refused.into(),
        }
    }
    Err(problem)
}

impl AssertionClaims {
    /// Whether the assertion counts at `now`, as one of this client for one of these audiences.
    ///
    /// # Errors
    /// [`AssertionProblem`].
    pub fn check(
        &self,
        now: Timestamp,
        client_id: &str,
        audiences: &[&str],
    ) -> Result<(), AssertionProblem> {
        if self.iss != client_id || self.sub != client_id {
            return Err(AssertionProblem::OtherClient);
        }
        let (Audience::One(audience) | Audience::List([audience])) = &self.aud;
        if !audiences.contains(&audience.as_str()) {
            return Err(AssertionProblem::OtherAudience);
        }
        let now = now.seconds();
        let ends_in_time = self.exp > now && self.exp.saturating_sub(now) <= AHEAD_SECONDS_MAX;
        let has_begun = |from: &i64| from.saturating_sub(now) <= LEEWAY_SECONDS;
        if !ends_in_time || !self.nbf.iter().chain(&self.iat).all(has_begun) {
            return Err(AssertionProblem::WrongTime);
        }
        match (1..=JTI_BYTES_MAX).contains(&self.jti.len()) {
            true => Ok(()),
            false => Err(AssertionProblem::BadName),
        }
    }
}

fn verifier_of(key: &ClientKey) -> Result<TokenVerifier, SigningError> {
    let decode = |text: &str| base64url::decode(text).ok_or(SigningError::BadPublicKey);
    let public_key = match (key.alg, &key.y) {
        (SigningAlgorithm::EdDsa, None) => decode(&key.x)?,
        (SigningAlgorithm::Es256, Some(y)) => {
            let (x, y) = (decode(&key.x)?, decode(y)?);
            // As they stand in the point: neither is short of its leading zeros (RFC 7518 §6.2.1.2).
            if x.len() != y.len() {
                return Err(SigningError::BadPublicKey);
            }
            [&[4], x.as_slice(), y.as_slice()].concat()
        }
        _ => return Err(SigningError::BadPublicKey),
    };
    TokenVerifier::new(key.alg, &public_key)
}

#[cfg(test)]
mod tests;
