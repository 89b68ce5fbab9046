//! `/v1/admin/…`

mod audit;
mod users;
