//! Keys by which a client asks for something once, however often it sends the request.

use crate::{Digest, Timestamp};
use std::str::FromStr;
use uuid::Uuid;

/// What a client sends in `Idempotency-Key`: 1 to 255 printable characters of ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to 255 printable characters")]
pub struct InvalidIdempotencyKey;

/// A request that is to be done once: who asks, for what, with which key and content. One tenant's alone, by its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceRequest {
    /// Who asks: the kind and the name, for instance `user:<id>`.
    pub principal: String,
    /// Method and path, with parameters in braces.
    pub route: String,
    /// What the client sent.
    pub key: IdempotencyKey,
    /// Of what is asked for, path and body, by a key of the server's: a body may hold a password.
    pub digest: Digest,
    /// Until when the answer is kept.
    pub expires_at: Timestamp,
}

/// What was kept of the answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Of what was asked for then.
    pub digest: Digest,
    /// What was answered.
    pub content: KeptContent,
}

/// What of an answer may be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptContent {
    /// What was made. Once it is erased, nothing of the answer may be left.
    pub made: Uuid,
    /// All of it, as JSON; none, if it showed a secret.
    pub body: Option<String>,
}

impl IdempotencyKey {
    /// As it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = |byte: u8| (b' '..=b'~').contains(&byte);
        match (1..=255).contains(&text.len()) && text.bytes().all(printable) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidIdempotencyKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::IdempotencyKey;

    #[test]
    fn a_key_is_printable_and_bounded() {
        for good in ["a", "a b", "\"quoted\"", &"x".repeat(255)] {
            assert!(good.parse::<IdempotencyKey>().is_ok(), "{good}");
        }
        for bad in ["", "a\tb", "\u{e9}", &"x".repeat(256)] {
            assert!(bad.parse::<IdempotencyKey>().is_err(), "{bad}");
        }
    }
}
