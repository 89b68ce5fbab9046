//! Token families: what a refresh token is, what it becomes, and what it never is again (RFC 9700 §4.14.2, ASVS V10.4.5).
//!
//! A family begins with a sign-in and ends with its session. One of its tokens is good at a time; using it makes the next
//! generation. Here is what is decided of a token that somebody presents; what is decided stands only if the family is still
//! what was looked at, which the store compares when it writes.

use crate::{Digest, FamilyId, SealedBytes, Session, SessionId, Timestamp, User};
use serde::{Deserialize, Serialize};

/// For how many seconds the answer to the token before is given again to whoever asked for it.
pub const REPEAT_SECONDS: i64 = 10;

/// A refresh token through all of its generations, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFamily {
    /// Names the family.
    pub id: FamilyId,
    /// The session that it continues.
    pub session_id: SessionId,
    /// Whom its tokens were issued to.
    pub client_id: String,
    /// SHA-256 of what all of its tokens begin with.
    pub selector: Digest,
    /// Which of its tokens is good now; the first is 1.
    pub generation: i64,
    /// SHA-256 of that one.
    pub digest: Digest,
    /// SHA-256 of the one before.
    pub previous: Option<Digest>,
    /// When the first token was issued.
    pub issued_at: Timestamp,
    /// When the one that is good now was, unless it is the first.
    pub rotated_at: Option<Timestamp>,
    /// When the family ends whatever happens; never later than its session.
    pub expires_at: Timestamp,
    /// When and why it ended before, if it did.
    pub revoked: Option<FamilyRevoked>,
}

/// What the store knows a refresh token by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshTokenDigests {
    /// SHA-256 of its selector, which finds its family.
    pub selector: Digest,
    /// SHA-256 of the whole of it, which says whether it is the good one.
    pub token: Digest,
}

/// Which of its family's tokens a presented one is. Nobody who never had one of them knows what they begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAge {
    /// The last that was issued.
    Current,
    /// The one before.
    Previous,
    /// None of these two: one from before them, or an invention of somebody who had one.
    Older,
}

/// What an exchange needs to know of a presented token before it may answer.
#[derive(Debug, Clone)]
pub struct ExchangeSubject {
    /// Whose token it is or was.
    pub family: TokenFamily,
    /// Which of the family's tokens it is.
    pub age: TokenAge,
    /// What the exchange of it was answered with, as long as that is kept.
    pub answer: Option<SealedBytes>,
    /// The session that the family continues, live or not.
    pub session: Session,
    /// Whose session it is.
    pub user: User,
}

/// The answer to an exchange, as it is kept for a moment: only who has the exchanged token can open it.
#[derive(Debug, Clone)]
pub struct RefreshAnswer {
    /// When it was given.
    pub given_at: Timestamp,
    /// The answer.
    pub sealed: SealedBytes,
}

/// The end of a family before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyRevoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: FamilyEnd,
}

/// Why a family ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FamilyEnd {
    /// One of its tokens was used twice: somebody has a copy.
    Reused,
    /// A client gave it back (RFC 7009).
    Revoked,
}

/// What a presented token of a family is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenWorth {
    /// It is the good one: it is exchanged for the next.
    Current,
    /// It was exchanged a moment ago: whoever did that gets the same answer again.
    JustExchanged,
    /// It was exchanged before: somebody has a copy.
    Reused,
    /// Its family is over, and stays so.
    Over,
}

impl TokenFamily {
    /// Which of its tokens has the digest.
    pub fn age_of(&self, presented: &Digest) -> TokenAge {
        if *presented == self.digest {
            return TokenAge::Current;
        }
        match &self.previous {
            Some(previous) if previous == presented => TokenAge::Previous,
            _ => TokenAge::Older,
        }
    }

    /// What its token of that age is worth at `now`.
    pub fn worth_of(&self, age: TokenAge, now: Timestamp) -> TokenWorth {
        if self.revoked.is_some() || now >= self.expires_at {
            return TokenWorth::Over;
        }
        let repeats_until = self.rotated_at.map(repeats_until);
        let repeats = repeats_until.is_some_and(|until| now < until);
        match age {
            TokenAge::Current => TokenWorth::Current,
            TokenAge::Previous if repeats => TokenWorth::JustExchanged,
            TokenAge::Previous | TokenAge::Older => TokenWorth::Reused,
        }
    }

    /// The family once its current token was exchanged for `next`.
    #[must_use]
    pub fn rotated(&self, next: Digest, now: Timestamp) -> Self {
        Self {
            digest: next,
            previous: Some(self.digest),
            generation: self.generation + 1,
            rotated_at: Some(now),
            ..self.clone()
        }
    }
}

/// Until when the answer to an exchange is given again.
pub fn repeats_until(rotated_at: Timestamp) -> Timestamp {
    rotated_at.plus_seconds(REPEAT_SECONDS)
}

#[cfg(test)]
mod tests;
