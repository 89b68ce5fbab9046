//! Which tenant a transaction is for. Only this crate makes a [`TenantScope`].

use keyward_model::{TenantId, TenantStatus};

/// The right to open transactions in one tenant.
///
/// There is no way to make one but [`crate::Store::resolve`] and the operator's two ways in;
/// [`crate::Store::recall`] gives back one that came from there. It is neither `Default` nor `Deserialize`, and its
/// fields are private:
///
/// ```compile_fail
/// let tenant_id = keyward_model::TenantId::from_uuid(uuid::Uuid::nil());
/// let status = keyward_model::TenantStatus::Active;
/// let scope = keyward_store::TenantScope { tenant_id, by_operator: false, status };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantScope {
    tenant_id: TenantId,
    by_operator: bool,
    /// As the route that led here found it; who came in without one, as a job does, does not ask for it.
    status: TenantStatus,
}

impl TenantScope {
    pub(crate) fn resolved(tenant_id: TenantId) -> Self {
        Self::routed(tenant_id, TenantStatus::Active)
    }

    pub(crate) fn routed(tenant_id: TenantId, status: TenantStatus) -> Self {
        Self {
            tenant_id,
            by_operator: false,
            status,
        }
    }

    pub(crate) fn operator(tenant_id: TenantId, status: TenantStatus) -> Self {
        Self {
            tenant_id,
            by_operator: true,
            status,
        }
    }

    /// The tenant's status, when a route led here. It is part of what finds the tenant, so that nobody can forget it.
    pub fn status(&self) -> TenantStatus {
        self.status
    }

    /// Whether an operator came in without a credential of the tenant; then each transaction records an event.
    pub(crate) fn is_operator(&self) -> bool {
        self.by_operator
    }

    /// The tenant, to be compared and recorded. No query takes it.
    pub fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }
}
