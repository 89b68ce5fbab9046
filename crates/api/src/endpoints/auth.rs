//! `/v1/auth/…`: becoming somebody, and stopping.

pub(super) mod invitation;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod password;
pub(super) mod reauthenticate;
pub(super) mod refresh;
pub(super) mod register;
