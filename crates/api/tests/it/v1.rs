//! `/v1/…`

mod admin;
mod auth;
mod profile;
mod revocations;
mod session;
mod sessions;
