//! `/v1/admin/…`

mod audit;
mod roles;
mod sessions;
mod settings;
mod users;
