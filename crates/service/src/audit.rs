//! What happened in a tenant, for its administrators and for operators.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Disclosed;
use keyward_model::{AuditEvent, AuditFilter, Page, PageRequest};
use keyward_policy::{Action, Denied};

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// The recorded events that match, newest first.
///
/// # Errors
/// [`AuditError`].
pub async fn list_audit_events(
    cx: &Cx,
    filter: AuditFilter,
    page: PageRequest,
) -> Result<Page<AuditEvent>, AuditError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ReadAuditEvents, &TenantWide)?;
        Ok(Disclosed::new(
            permit,
            tx.list_audit_events(&filter, page).await?,
        ))
    })
    .await
}
