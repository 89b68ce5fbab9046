//! `/v1/admin/…`

mod audit;
mod publishable_keys;
mod roles;
mod sessions;
mod settings;
mod users;
