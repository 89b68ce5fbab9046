//! `/v1/admin/…`: what a tenant's administrators see and do.

pub(super) mod audit_events;
pub(super) mod clients;
pub(super) mod publishable_keys;
pub(super) mod roles;
pub(super) mod sessions;
pub(super) mod settings;
pub(super) mod tokens;
pub(super) mod users;
