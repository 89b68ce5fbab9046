//! Users of a tenant.

use crate::email::fold;
use crate::{EmailAddress, PasswordHash, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;

/// The longest name that is taken, in characters.
const NAME_CHARACTERS_MAX: usize = 200;

/// A person with an account in one tenant. Its password hash is apart, in [`SignInSubject`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When the account will be deleted for good, if it will.
    pub deletes_at: Option<Timestamp>,
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
    /// What the presented password is held against; none before an invitation is accepted.
    pub password_hash: Option<PasswordHash>,
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
    /// May not yet: there is no password before the invitation is accepted.
    Invited,
    /// May not, has no live session, and is deleted for good once the time of grace is over.
    Deleting,
}

/// Which users of a tenant are asked for. What is not given does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// By the beginning of their address, or any part of their name.
    pub query: Option<UserQuery>,
    /// With this role.
    pub role: Option<Role>,
    /// In this status.
    pub status: Option<UserStatus>,
}

/// What users are searched by: 1 to 200 characters without control characters, trimmed and folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery(String);

/// The text is nothing to search by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a query has 1 to 200 characters and no control characters")]
pub struct InvalidUserQuery;

impl UserQuery {
    /// As the folded forms of addresses and names are compared with it.
    pub fn folded(&self) -> &str {
        &self.0
    }

    /// Whether it can only be the beginning of an address.
    pub fn is_address(&self) -> bool {
        self.0.contains('@')
    }
}

impl FromStr for UserQuery {
    type Err = InvalidUserQuery;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let plain = text.len() <= 4 * NAME_CHARACTERS_MAX
            && (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count())
            && !text.chars().any(char::is_control);
        match plain {
            true => Ok(Self(fold(text))),
            false => Err(InvalidUserQuery),
        }
    }
}

/// The roles that a user of a tenant can have; what each may do is the fixed table of `policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Acts on what is its own.
    Member,
    /// Administers its tenant.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Member, Self::Administrator];
}

impl UserStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Disabled, Self::Invited, Self::Deleting];
}

/// A name to show: 1 to 200 characters in NFC, no control characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DisplayName(String);

/// The text is no name to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 200 characters and no control characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    /// NFC and lower case, to be searched by.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

impl FromStr for DisplayName {
    type Err = InvalidDisplayName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Bounded before the work of normalizing; a character has four bytes at most.
        if text.len() > 4 * 4 * NAME_CHARACTERS_MAX {
            return Err(InvalidDisplayName);
        }
        let name: String = match text.is_ascii() {
            // Which is NFC as it is.
            true => text.trim().to_owned(),
            false => text.trim().nfc().collect(),
        };
        match (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count())
            && !name.chars().any(char::is_control)
        {
            true => Ok(Self(name)),
            false => Err(InvalidDisplayName),
        }
    }
}

impl TryFrom<String> for DisplayName {
    type Error = InvalidDisplayName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
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
    use super::{DisplayName, UserQuery};

    #[test]
    fn a_query_and_what_it_finds_are_folded_alike() {
        let query: UserQuery = " \u{c4}DA ".parse().unwrap();
        let name: DisplayName = "A\u{308}da Lovelace".parse().unwrap();
        assert!(name.folded().starts_with(query.folded()));
        assert!(!query.is_address());
        assert!("ada@".parse::<UserQuery>().unwrap().is_address());
        for bad in ["", "   ", "a\u{0}b", &"x".repeat(201)] {
            assert!(bad.parse::<UserQuery>().is_err());
        }
    }

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
