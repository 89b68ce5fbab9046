//! Devices that a user has signed in on: what strangers do to the account does not keep them out there.

use crate::{Digest, KnownDeviceId, Timestamp, UserId};

/// How many a user has; one more pushes out the one that was used least lately.
pub const KNOWN_DEVICES_MAX: i64 = 20;

/// A known device as it is stored: never its token, only the digest. It proves no identity; the password still does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice {
    /// Names it.
    pub id: KnownDeviceId,
    /// Whose it is.
    pub user_id: UserId,
    /// SHA-256 of its token.
    pub digest: Digest,
    /// Of the password that was right on it; it is known no more once there is another.
    pub password_version: i64,
    /// When it was first signed in on.
    pub created_at: Timestamp,
    /// When it was last.
    pub last_used_at: Timestamp,
    /// When it is forgotten, unless it is used before.
    pub expires_at: Timestamp,
}
