//! From which origins browsers may call: the union over a tenant's active publishable keys.

use crate::authentication::Sender;
use crate::platform::Platform;
use keyward_model::{Origin, Route};
use keyward_store::{Error, TenantTx};

/// Whether the tenant of a request that was let in allows the origin.
///
/// # Errors
/// The store's.
pub async fn tenant_allows_origin(
    platform: &Platform,
    sender: &Sender,
    origin: &Origin,
) -> Result<bool, Error> {
    let known = sender.known.as_ref();
    if known.is_some_and(|known| known.tenant.allows_origin(origin)) {
        return Ok(true);
    }
    // What memory does not know may have been allowed since.
    let origin = origin.clone();
    let read = async move |tx: &mut TenantTx<'_>| tx.allows_origin(&origin).await;
    platform.store().read(&sender.scope, read).await
}

/// Whether the tenant that these names lead to allows the origin; where they lead to none, whether any tenant does. It
/// is asked for a preflight, which shows no credential, and for what was refused before its tenant was known.
///
/// # Errors
/// The store's.
pub async fn names_allow_origin(
    platform: &Platform,
    names: Vec<Route>,
    origin: &Origin,
) -> Result<bool, Error> {
    let origin = origin.clone();
    platform
        .store()
        .system_read(async move |tx| tx.allows_origin(&origin, &names).await)
        .await
}
