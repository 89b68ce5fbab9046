//! Users of a tenant.

use crate::{EmailAddress, PasswordHash, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;

/// A person with an account in one tenant. Its password hash is apart, in [`SignInSubject`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names the user.
    pub id: UserId,
    /// Unique within the tenant in its canonical form.
    pub email: EmailAddress,
    /// How the user wants to be called.
    pub name: Option<DisplayName>,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the user last signed in.
    pub last_sign_in_at: Option<Timestamp>,
    /// From which address that was.
    pub last_sign_in_address: Option<String>,
    /// Counts the account's changes; a change names the version that it saw.
    pub version: i64,
}

/// What sign-in needs to know of a user before it may answer.
#[derive(Debug, Clone)]
pub struct SignInSubject {
    /// Names the user.
    pub user_id: UserId,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// What the presented password is held against.
    pub password_hash: PasswordHash,
    /// Counts password changes; opening a session compares it again.
    pub password_version: i64,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not, and has no live session.
    Disabled,
}

/// The three roles of the fixed table in `policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Acts on what is its own.
    Member,
    /// Administers its tenant.
    Administrator,
}

/// A name to show: 1 to 200 characters in NFC, no control characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DisplayName(String);

/// The text is no name to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 200 characters and no control characters")]
pub struct InvalidDisplayName;

impl FromStr for DisplayName {
    type Err = InvalidDisplayName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Bounded before the work of normalizing; a character has four bytes at most.
        if text.len() > 4 * 4 * 200 {
            return Err(InvalidDisplayName);
        }
        let name: String = text.trim().nfc().collect();
        match (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
            true => Ok(Self(name)),
            false => Err(InvalidDisplayName),
        }
    }
}

impl DisplayName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::DisplayName;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(
            " Ada Lovelace ".parse::<DisplayName>().unwrap().to_string(),
            "Ada Lovelace"
        );
        for bad in ["", "   ", "a\u{7}b", &"x".repeat(201), &"x".repeat(100_000)] {
            assert!(bad.parse::<DisplayName>().is_err());
        }
    }
}
