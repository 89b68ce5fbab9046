//! `/v1/admin/…`

mod audit;
mod clients;
mod publishable_keys;
mod roles;
mod sessions;
mod settings;
mod tokens;
mod users;
