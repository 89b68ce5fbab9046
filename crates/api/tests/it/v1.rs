//! `/v1/…`

mod admin;
mod auth;
mod profile;
mod session;
mod sessions;
