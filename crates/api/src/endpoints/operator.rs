//! `/operator/v1/…`: what operators see and do, in a tenant or to the instance.

pub(super) mod events;
pub(super) mod jobs;
pub(super) mod nodes;
pub(super) mod tenants;
