//! `/oauth2/…`: what OAuth clients ask.

pub(super) mod introspect;
pub(super) mod revoke;
