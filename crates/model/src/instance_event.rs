//! What operators do to the instance as a whole. It stands in a log of its own, since it is no tenant's: a tenant's log ends
//! with the tenant.

use crate::{Id, Tenant, TenantId, Timestamp};
use serde_json::{Map, Value, json};

/// An act that concerns the instance, or several tenants at once.
#[derive(Debug, Clone, PartialEq)]
pub enum InstanceAct {
    /// An operator looked at what is of no single tenant.
    Read {
        /// At what: `tenant`, `job`, `node`, `instance_event`.
        subject: &'static str,
    },
    /// A tenant is gone for good, with its own log.
    TenantDeleted {
        /// As it was last.
        tenant: Box<Tenant>,
        /// What its log said of who wanted that, and why.
        scheduled: Map<String, Value>,
    },
}

/// An act as it is recorded, and read back.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceEvent {
    /// Names the event; sorts by time.
    pub id: Id<InstanceEvent>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The type, for instance `operator.read`.
    pub kind: String,
    /// Who did it: an operator by name, or `system`.
    pub actor: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Which tenant it was about, where it was about one. It may be gone.
    pub tenant_id: Option<TenantId>,
    /// What else there is to say.
    pub details: Map<String, Value>,
}

impl InstanceAct {
    /// The type as it is recorded.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Read { .. } => "operator.read",
            Self::TenantDeleted { .. } => "tenant.deleted",
        }
    }

    /// Which tenant it is about, where it is about one.
    pub fn tenant_id(&self) -> Option<TenantId> {
        match self {
            Self::Read { .. } => None,
            Self::TenantDeleted { tenant, .. } => Some(tenant.id),
        }
    }

    /// What else there is to say.
    pub fn details(&self) -> Map<String, Value> {
        let details = match self {
            Self::Read { subject } => json!({ "subject": subject }),
            Self::TenantDeleted { tenant, scheduled } => json!({
                "slug": tenant.slug,
                "issuer": tenant.issuer,
                "created_at": tenant.created_at,
                "scheduled": scheduled,
            }),
        };
        match details {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}
