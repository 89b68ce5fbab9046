//! `/v1/admin/audit/…`

mod events;
mod records;
