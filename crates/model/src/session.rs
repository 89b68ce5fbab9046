//! Sessions: a user who signed in on a device, until one of them ends it or time does.

use crate::{CountryCode, SessionId, Timestamp, User, UserId};
use serde::{Deserialize, Serialize};

/// A signed-in user on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Names the session; it is the `sid` of its tokens and no secret.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When it was last seen, to about a minute.
    pub last_active_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// How many seconds without a request end it.
    pub idle_seconds: i64,
    /// From where the user signed in.
    pub address: Option<String>,
    /// From which country that was, if the operator gave a database of them and the address stands in it.
    #[serde(default)]
    pub country: Option<CountryCode>,
    /// With which agent.
    pub user_agent: Option<String>,
    /// What the client said of its device.
    pub device: Device,
    /// When and why it was ended, if it was.
    pub ended: Option<Ended>,
    /// Counts its changes.
    pub version: i64,
    /// When the user last proved in it who they are: at the sign-in, or at a re-authentication since.
    #[serde(default = "beginning")]
    pub authenticated_at: Timestamp,
}

/// What is said of a session that was kept before there was such a moment: nobody goes by it.
fn beginning() -> Timestamp {
    Timestamp::from_micros(0)
}

/// What other sessions a user had when one was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcurrentSessions {
    /// How many were live.
    pub sessions: i64,
    /// At how many addresses other than that of the new one they were opened.
    pub other_addresses: i64,
}

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: EndReason,
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The user signed out of it.
    SignedOut,
    /// The user ended it from another session, or all at once.
    RevokedByUser,
    /// The database was brought back from a backup, in which the session lived.
    Restored,
    /// An administrator ended it.
    RevokedByAdministrator,
    /// An OAuth client revoked its refresh token (RFC 7009).
    RevokedByClient,
    /// An administrator ended all sessions of the tenant.
    AllRevoked,
    /// Its user was disabled.
    UserDisabled,
    /// Its user is to be deleted.
    UserDeleted,
    /// Its user has other rights than before; they begin with a new session.
    RoleChanged,
    /// Rows from before a granted role ended sessions, too.
    RoleWithdrawn,
    /// Its user signed in elsewhere, and has as many sessions as there may be.
    Evicted,
    /// Its user has another password.
    PasswordChanged,
    /// Its user proved anew who they are, and goes on in another.
    Reauthenticated,
    /// A refresh token of it was used twice: somebody has a copy.
    RefreshTokenReused,
}

/// What the client says of its device. Shown to the user, never trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// A name that the user knows it by.
    pub name: Option<String>,
    /// An opaque text by which the client recognizes the device.
    pub fingerprint: Option<String>,
    /// Which device wins a conflict; higher wins.
    pub priority: i64,
}

/// A session together with its user, as one read gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionUser {
    /// The session.
    pub session: Session,
    /// Its user.
    pub user: User,
}

impl Session {
    /// Whether the session admits its user at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.expires_at && now < self.idles_out_at()
    }

    /// When it ends if no request comes.
    pub fn idles_out_at(&self) -> Timestamp {
        self.last_active_at.plus_seconds(self.idle_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, EndReason, Ended, Session};
    use crate::{Id, Timestamp};

    fn session() -> Session {
        let start = Timestamp::from_micros(0);
        Session {
            id: Id::from_uuid(uuid::Uuid::nil()),
            user_id: Id::from_uuid(uuid::Uuid::nil()),
            created_at: start,
            last_active_at: start,
            expires_at: start.plus_seconds(8 * 3_600),
            idle_seconds: 1_800,
            address: None,
            country: None,
            user_agent: None,
            device: Device::default(),
            ended: None,
            version: 1,
            authenticated_at: start,
        }
    }

    #[test]
    fn asvs_v7_3_1_idle_ends_a_session() {
        let session = session();
        assert!(session.is_live(Timestamp::from_micros(1_799_999_999)));
        assert!(!session.is_live(Timestamp::from_micros(1_800_000_000)));
    }

    #[test]
    fn asvs_v7_3_2_age_ends_a_session_however_active() {
        let mut session = session();
        session.last_active_at = Timestamp::from_micros(0).plus_seconds(8 * 3_600 - 1);
        assert!(session.is_live(session.last_active_at));
        assert!(!session.is_live(session.expires_at));
    }

    #[test]
    fn asvs_v7_4_1_an_ended_session_is_dead() {
        let mut session = session();
        session.ended = Some(Ended {
            at: session.created_at,
            reason: EndReason::SignedOut,
        });
        assert!(!session.is_live(session.created_at));
    }
}
