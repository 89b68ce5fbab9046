//! A verifier that follows a tenant's key set as libraries do, and trusts nothing else that Keyward says.

use crate::client::Answer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_crypto::{AccessClaims, TokenVerifier};
use keyward_model::{AccessTokenSecret, SigningAlgorithm, Timestamp};
use serde_json::Value;
use std::collections::HashMap;

/// Keeps a key set for as long as its answer allows, and then reads it again before it verifies anything.
#[derive(Debug, Default)]
pub struct KeySetFollower {
    keys: HashMap<String, TokenVerifier>,
    /// When the set was read, and for how many seconds it may be kept.
    kept: Option<(Timestamp, i64)>,
    /// Whether a key that is unknown makes it read the set once more, and how many seconds after the last time.
    cool_down: Option<i64>,
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No key of the set has its `kid`.
    UnknownKey,
    /// Its signature or claims are not right.
    Invalid,
    /// It is over.
    Expired,
}

impl KeySetFollower {
    /// One that never reads the set again before its time: whatever it misses was published too late.
    pub fn strict() -> Self {
        Self::default()
    }

    /// One that reads the set once more for a key that it does not know, as most libraries do.
    pub fn asking_again(cool_down_seconds: i64) -> Self {
        Self {
            cool_down: Some(cool_down_seconds),
            ..Self::default()
        }
    }

    /// Whether it reads the set before it verifies `token` at `now`.
    pub fn must_read(&self, token: &str, now: Timestamp) -> bool {
        let Some((read_at, max_age)) = self.kept else {
            return true;
        };
        let asks_again = self.cool_down.is_some_and(|cool_down| {
            !self.keys.contains_key(&key_id_of(token)) && now >= read_at.plus_seconds(cool_down)
        });
        now >= read_at.plus_seconds(max_age) || asks_again
    }

    /// Takes an answer of `/.well-known/jwks.json`.
    pub fn learn(&mut self, answer: &Answer, now: Timestamp) {
        let keys = answer.list_at("/keys").iter();
        self.keys = keys
            .map(|jwk| (text(jwk, "kid"), verifier_of(jwk)))
            .collect();
        let max_age = answer.header("cache-control").split("max-age=").nth(1);
        self.kept = Some((now, max_age.expect("a max-age").parse().unwrap()));
    }

    /// The claims of a token that counts at `now`; clocks may differ by `leeway` seconds.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn verify(
        &self,
        token: &str,
        now: Timestamp,
        leeway: i64,
    ) -> Result<AccessClaims, Refused> {
        let verifier = self
            .keys
            .get(&key_id_of(token))
            .ok_or(Refused::UnknownKey)?;
        let secret = AccessTokenSecret::new(token.to_owned());
        let claims = verifier.verify(&secret).map_err(|_| Refused::Invalid)?;
        match now.seconds() < claims.exp + leeway {
            true => Ok(claims),
            false => Err(Refused::Expired),
        }
    }
}

fn key_id_of(token: &str) -> String {
    let header = decode(token.split('.').next().unwrap());
    text(&serde_json::from_slice(&header).unwrap(), "kid")
}

/// The key of a JWK, by its own words alone.
fn verifier_of(jwk: &Value) -> TokenVerifier {
    let member = |name| decode(&text(jwk, name));
    let (algorithm, key) = match [text(jwk, "kty"), text(jwk, "crv"), text(jwk, "alg")]
        .each_ref()
        .map(String::as_str)
    {
        ["OKP", "Ed25519", "EdDSA"] => (SigningAlgorithm::EdDsa, member("x")),
        ["EC", "P-256", "ES256"] => {
            let point = [vec![4], member("x"), member("y")].concat();
            (SigningAlgorithm::Es256, point)
        }
        other => panic!("{other:?} is no key of ours"),
    };
    assert_eq!(jwk["use"], "sig");
    TokenVerifier::new(algorithm, &key).unwrap()
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().expect(name).to_owned()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
