//! The keys that sign a tenant's tokens, and what each of them is for at a moment: that follows from times alone.
//!
//! ```text
//! made ──────────── signs_from ───────────── successor's signs_from ───────── published_until
//!       published               signing                              retiring                 retired
//! ```
//!
//! A key is in the key set before it signs, so that whoever keeps the set for a while has it when its first token comes;
//! and after it has signed, until its last token has expired everywhere.

use crate::{SealedBytes, SigningKeyId, Timestamp};
use serde::{Deserialize, Serialize};

/// For how long a token may still count where clocks differ, in seconds: verifiers grant a minute (RFC 7519 §4.1.4: "usually
/// no more than a few minutes"). A key stays published so much longer than its last token is valid.
pub const TOKEN_LEEWAY_SECONDS: i64 = 60;

/// A key that signs a tenant's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Names the key; in text form it is the `kid`.
    pub id: SigningKeyId,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// The raw public key: for Ed25519 its 32 bytes, for P-256 the uncompressed point of 65 (SEC 1 §2.3.3).
    pub public_key: Vec<u8>,
    /// The private key, sealed under the tenant's key; none once it was destroyed.
    pub sealed_private_key: Option<SealedBytes>,
    /// When it was made, and published.
    pub created_at: Timestamp,
    /// From when on it signs, until a later key does.
    pub signs_from: Timestamp,
    /// The longest that a token of it may be valid, in seconds, while it has no end.
    pub token_ttl_seconds: i64,
    /// Until when it is published; none while it has no successor.
    pub published_until: Option<Timestamp>,
    /// When it was revoked. Its tokens count no more since then.
    pub revoked_at: Option<Timestamp>,
    /// Counts its changes.
    pub version: i64,
}

/// What a signing key signs with, by its JOSE name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8032, RFC 8037).
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    #[serde(rename = "ES256")]
    Es256,
}

/// What a signing key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningKeyState {
    /// Verifiers get to know it; it does not sign yet.
    Published,
    /// It signs.
    Signing,
    /// Another one signs; its own tokens still count.
    Retiring,
    /// Its last token has expired.
    Retired,
    /// It was revoked: its tokens do not count.
    Revoked,
}

/// A tenant's signing keys at a moment.
#[derive(Debug, Clone, Copy)]
pub struct SigningKeysAt<'a> {
    keys: &'a [SigningKey],
    now: Timestamp,
}

/// Who signs once a key is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession<'a> {
    /// Whoever signs now.
    Unchanged,
    /// The key that would have taken over later, at once.
    Promoted(&'a SigningKey),
    /// The key that signs now, which has no end again: its successor is gone.
    Reopened(&'a SigningKey),
    /// A new key, at once.
    New,
}

impl SigningAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// Its name as `alg` (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

impl SigningKey {
    /// Whether it is in the key set at `now`. Tokens count only while their key is.
    pub fn is_published(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.published_until.is_none_or(|end| now < end)
    }

    /// Until when it is published once `successor_signs_from` is known: so long that every token that it signs until then
    /// has expired everywhere.
    pub fn end_of_publication(
        &self,
        successor_signs_from: Timestamp,
        token_ttl_seconds: i64,
    ) -> Timestamp {
        let ttl = self.token_ttl_seconds.max(token_ttl_seconds);
        successor_signs_from.plus_seconds(ttl.saturating_add(TOKEN_LEEWAY_SECONDS))
    }

    /// The same without an end, when its successor was revoked before it signed. Tokens that it signed since it had an end may
    /// last for nearly as long as that, whatever the lifetime of tokens was when it got it.
    pub fn reopened(&self, now: Timestamp) -> Self {
        let micros = self.published_until.map_or(0, |end| {
            let last_token_ends = end.plus_seconds(-TOKEN_LEEWAY_SECONDS);
            last_token_ends.micros().saturating_sub(now.micros())
        });
        let seconds = micros.max(0).saturating_add(999_999) / 1_000_000;
        Self {
            published_until: None,
            token_ttl_seconds: self.token_ttl_seconds.max(seconds),
            ..self.clone()
        }
    }

    /// Until when a token that it signs at `now` is valid: for `ttl_seconds`, but never so long that it would be refused for
    /// want of its key.
    pub fn token_expires_at(&self, now: Timestamp, ttl_seconds: i64) -> Timestamp {
        let wanted = now.plus_seconds(ttl_seconds);
        match self.published_until {
            Some(end) => wanted.min(end.plus_seconds(-TOKEN_LEEWAY_SECONDS)),
            None => wanted.min(now.plus_seconds(self.token_ttl_seconds)),
        }
    }

    /// Orders keys by when they take over.
    fn turn(&self) -> (Timestamp, SigningKeyId) {
        (self.signs_from, self.id)
    }
}

impl<'a> SigningKeysAt<'a> {
    /// These keys at this moment.
    pub fn new(keys: &'a [SigningKey], now: Timestamp) -> Self {
        Self { keys, now }
    }

    /// The keys of the key set.
    pub fn published(self) -> impl Iterator<Item = &'a SigningKey> {
        self.keys
            .iter()
            .filter(move |key| key.is_published(self.now))
    }

    /// The key that signs: the newest whose time has come. Where all times lie ahead, since a key was revoked meanwhile, it is
    /// the one whose time comes first.
    pub fn signing(self) -> Option<&'a SigningKey> {
        let begun = self.published().filter(|key| key.signs_from <= self.now);
        begun
            .max_by_key(|key| key.turn())
            .or_else(|| self.published().min_by_key(|key| key.turn()))
    }

    /// The key that has no successor. A tenant has exactly one.
    pub fn last(self) -> Option<&'a SigningKey> {
        self.published().find(|key| key.published_until.is_none())
    }

    /// What one of the keys is for.
    pub fn state_of(self, key: &SigningKey) -> SigningKeyState {
        let signing = self.signing();
        if key.revoked_at.is_some() {
            SigningKeyState::Revoked
        } else if !key.is_published(self.now) {
            SigningKeyState::Retired
        } else if signing.is_some_and(|signing| signing.id == key.id) {
            SigningKeyState::Signing
        } else if signing.is_some_and(|signing| signing.turn() < key.turn()) {
            SigningKeyState::Published
        } else {
            SigningKeyState::Retiring
        }
    }

    /// Who signs once `revoked`, one of the published keys, is gone.
    pub fn succession(self, revoked: &SigningKey) -> Succession<'a> {
        let state = self.state_of(revoked);
        match (state, self.last(), self.signing()) {
            (SigningKeyState::Signing, Some(last), _) if last.id != revoked.id => {
                Succession::Promoted(last)
            }
            (SigningKeyState::Published, _, Some(signing)) => Succession::Reopened(signing),
            (SigningKeyState::Signing, ..) | (SigningKeyState::Published, ..) => Succession::New,
            _ => Succession::Unchanged,
        }
    }
}

#[cfg(test)]
mod tests;
