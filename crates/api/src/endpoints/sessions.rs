//! `/v1/sessions/…`: a user's own sessions.

pub(super) mod list;
pub(super) mod revoke;
