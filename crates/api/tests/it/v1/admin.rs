//! `/v1/admin/…`

mod audit;
mod publishable_keys;
mod users;
