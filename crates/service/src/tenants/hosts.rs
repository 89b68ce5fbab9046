//! The host names that are a tenant's own, as operators set them.

use super::TenantError;
use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use keyward_model::{Event, HostName, Route, Tenant};
use keyward_policy::Action;

/// Makes a host name lead to the tenant of `cx`. Doing it twice is as doing it once.
///
/// # Errors
/// [`TenantError::HostTaken`] when it leads to another tenant.
pub async fn add_tenant_host(
    cx: &Cx,
    host: HostName,
) -> Result<(Tenant, Vec<HostName>), TenantError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::AddTenantHost, &TenantWide)?;
        let tenant = tx.find_tenant().await?.ok_or(TenantError::NotFound)?;
        let is_new = tx.insert_route(&Route::Host(host.clone())).await?;
        let hosts = tx.list_hosts().await?;
        if !is_new && !hosts.contains(&host) {
            return Err(TenantError::HostTaken(host));
        }
        let tenant_id = tenant.id;
        Ok(Recorded::new(
            permit,
            (tenant, hosts),
            Event::TenantHostAdded { tenant_id, host },
        ))
    })
    .await
}

/// Makes a host name lead to the tenant of `cx` no longer.
///
/// # Errors
/// [`TenantError::NoSuchHost`] when it does not.
pub async fn remove_tenant_host(
    cx: &Cx,
    host: HostName,
) -> Result<(Tenant, Vec<HostName>), TenantError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RemoveTenantHost, &TenantWide)?;
        let tenant = tx.find_tenant().await?.ok_or(TenantError::NotFound)?;
        if !tx.delete_host(&host).await? {
            return Err(TenantError::NoSuchHost);
        }
        let (tenant_id, hosts) = (tenant.id, tx.list_hosts().await?);
        Ok(Recorded::new(
            permit,
            (tenant, hosts),
            Event::TenantHostRemoved { tenant_id, host },
        ))
    })
    .await
}
