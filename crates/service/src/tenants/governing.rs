//! What operators set of a tenant: its durations, and the host names that are its own.

use super::TenantError;
use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use keyward_model::{Event, HostName, Route, Tenant, TenantSettings};
use keyward_policy::Action;

/// What of the settings is to be another; what is none stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeTenantSettings {
    /// See [`TenantSettings::access_token_ttl_seconds`].
    pub access_token_ttl_seconds: Option<i64>,
    /// See [`TenantSettings::session_ttl_seconds`]. Sessions that are open keep theirs.
    pub session_ttl_seconds: Option<i64>,
    /// See [`TenantSettings::session_idle_seconds`]. Sessions that are open keep theirs.
    pub session_idle_seconds: Option<i64>,
    /// See [`TenantSettings::user_deletion_grace_days`].
    pub user_deletion_grace_days: Option<i64>,
}

impl ChangeTenantSettings {
    fn apply_to(self, settings: &TenantSettings) -> TenantSettings {
        let mut changed = settings.clone();
        let each = [
            (
                &mut changed.access_token_ttl_seconds,
                self.access_token_ttl_seconds,
            ),
            (&mut changed.session_ttl_seconds, self.session_ttl_seconds),
            (&mut changed.session_idle_seconds, self.session_idle_seconds),
            (
                &mut changed.user_deletion_grace_days,
                self.user_deletion_grace_days,
            ),
        ];
        for (setting, given) in each {
            *setting = given.unwrap_or(*setting);
        }
        changed
    }
}

/// Changes what the tenant of `cx` may set for itself.
///
/// # Errors
/// [`TenantError::Settings`] with all that is out of its range.
pub async fn change_tenant_settings(
    cx: &Cx,
    change: ChangeTenantSettings,
) -> Result<Tenant, TenantError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::ChangeTenantSettings, &TenantWide)?;
        let before = tx.find_tenant().await?.ok_or(TenantError::NotFound)?;
        let settings = change.apply_to(&before.settings);
        match settings.faults() {
            faults if !faults.is_empty() => return Err(TenantError::Settings(faults)),
            _ => {}
        }
        let after = tx
            .change_tenant_settings(before.version, &settings)
            .await?
            .ok_or(TenantError::Changed)?;
        let event = Event::TenantSettingsChanged {
            before,
            after: after.clone(),
        };
        Ok(Recorded::new(permit, after, event))
    })
    .await
}

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
