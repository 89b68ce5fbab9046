//! `/oauth2/…`

mod assertions;
mod introspect;
mod kinds;
mod revoke;
