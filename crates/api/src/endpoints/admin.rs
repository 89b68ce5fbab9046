//! `/v1/admin/…`: what a tenant's administrators see and do.

pub(super) mod audit_events;
pub(super) mod publishable_keys;
pub(super) mod users;
