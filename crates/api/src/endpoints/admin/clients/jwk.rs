//! Public keys of clients as JSON Web Keys (RFC 7517). Members that nobody here knows are ignored, as §4 says; a private key is
//! refused by name: whoever sends one has shown it to somebody whom it is none of the business of.

use crate::extract::FieldErrors;
use keyward_model::{CLIENT_KEYS_MAX, ClientKey, SigningAlgorithm};
use keyward_service::oauth_clients::check_client_key;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a key's name may be, in bytes.
const KID_BYTES_MAX: usize = 255;

/// A JWK Set (RFC 7517 §5).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwksRequest {
    /// Public keys: Ed25519 (`EdDSA`) or P-256 (`ES256`).
    #[schema(value_type = Vec<Object>, max_items = 4)]
    keys: Vec<JwkRequest>,
}

#[derive(Debug, Deserialize)]
struct JwkRequest {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    d: Option<IgnoredAny>,
}

/// A public key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JwkBody {
    /// `OKP` or `EC`.
    kty: &'static str,
    /// `Ed25519` or `P-256`.
    crv: &'static str,
    /// `EdDSA` or `ES256`.
    alg: &'static str,
    /// `sig`.
    r#use: &'static str,
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    /// Base64url.
    x: String,
    /// Base64url, on P-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl JwksRequest {
    /// The keys, or a note of what is wrong with each.
    pub(super) fn into_keys(self, errors: &mut FieldErrors) -> Option<Vec<ClientKey>> {
        let count = match self.keys.len() {
            1..=CLIENT_KEYS_MAX => Ok(()),
            _ => Err(format!("1 to {CLIENT_KEYS_MAX} keys")),
        };
        errors.check("/jwks/keys", |_| "invalid", count)?;
        let keys = self.keys.into_iter().enumerate().map(|(index, key)| {
            let pointer = format!("/jwks/keys/{index}");
            errors.check(&pointer, |_| "invalid", key.into_key())
        });
        keys.collect::<Vec<_>>().into_iter().collect()
    }
}

impl JwkRequest {
    fn into_key(self) -> Result<ClientKey, &'static str> {
        if self.d.is_some() {
            return Err("this is a private key: make another one, and send its public half");
        }
        let alg = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => SigningAlgorithm::EdDsa,
            ("EC", Some("P-256")) => SigningAlgorithm::Es256,
            _ => return Err("a key is of Ed25519 (OKP) or P-256 (EC)"),
        };
        // RFC 9864 calls EdDSA on this curve Ed25519.
        let same = |name: &String| name == alg.name() || Some(name) == self.crv.as_ref();
        if !self.alg.iter().all(same) {
            return Err("alg is EdDSA on Ed25519, and ES256 on P-256");
        }
        if !self.r#use.iter().all(|name| name == "sig") {
            return Err("the key is not for signatures");
        }
        let fits = |kid: &String| (1..=KID_BYTES_MAX).contains(&kid.len());
        if !self.kid.iter().all(fits) {
            return Err("kid is of 1 to 255 bytes");
        }
        let key = ClientKey {
            kid: self.kid,
            alg,
            x: self.x.ok_or("x is missing")?,
            y: self.y,
        };
        match check_client_key(&key) {
            true => Ok(key),
            false => Err("the key is none of its curve"),
        }
    }
}

impl From<ClientKey> for JwkBody {
    fn from(key: ClientKey) -> Self {
        let (kty, crv) = match key.alg {
            SigningAlgorithm::EdDsa => ("OKP", "Ed25519"),
            SigningAlgorithm::Es256 => ("EC", "P-256"),
        };
        Self {
            kty,
            crv,
            alg: key.alg.name(),
            r#use: "sig",
            kid: key.kid,
            x: key.x,
            y: key.y,
        }
    }
}
