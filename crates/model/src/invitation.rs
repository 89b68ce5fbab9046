//! Invitations: how somebody whom an administrator made an account for sets their first password.

use crate::{Digest, Timestamp, UserId};

/// An invitation as it is stored: never its token, only the digest. A user has one at most; a new one voids it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who is invited.
    pub user_id: UserId,
    /// SHA-256 of the token.
    pub digest: Digest,
    /// When it was given.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}
