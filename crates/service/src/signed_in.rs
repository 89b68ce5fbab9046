//! What whoever signed in, proved anew who they are, or went on with a session is given.

use keyward_model::{
    AccessTokenSecret, ConcurrentSessions, DeviceTokenSecret, RefreshTokenSecret, Session, User,
};

/// A session with its tokens.
#[derive(Debug)]
pub struct SignedIn {
    /// Proves the session, for a short time.
    pub access_token: AccessTokenSecret,
    /// How many seconds that is.
    pub expires_in: i64,
    /// Continues the session.
    pub refresh_token: RefreshTokenSecret,
    /// By which the device is known from now on, if devices are.
    pub device_token: Option<DeviceTokenSecret>,
    /// The session.
    pub session: Session,
    /// What others the user had when it was opened; not said of one that only goes on.
    pub concurrent: Option<ConcurrentSessions>,
    /// Whose it is.
    pub user: User,
}
