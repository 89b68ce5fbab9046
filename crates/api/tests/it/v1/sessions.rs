//! `/v1/sessions…`

mod list;
mod revoke;
