//! A tenant's own settings.

use crate::cx::{Cx, TenantWide};
use crate::outcome::{Disclosed, Recorded};
use keyward_model::{Event, Expected, SettingProblem, SettingsChange, Tenant};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;

/// What is to be changed.
#[derive(Debug)]
pub struct ChangeSettings {
    /// Of which version of the tenant.
    pub expected: Expected,
    /// The settings.
    pub change: SettingsChange,
}

/// Why no settings were shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The tenant is gone.
    #[error("no such tenant")]
    NotFound,
    /// Some would be outside of their range.
    #[error("a setting is outside of its range")]
    Invalid(Vec<SettingProblem>),
    /// The tenant is not of a version that the change is meant for.
    #[error("the tenant is of another version")]
    OtherVersion,
    /// Another request changed the tenant at the same moment.
    #[error("the tenant was changed meanwhile")]
    Changed,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// The tenant with its settings.
///
/// # Errors
/// [`SettingsError`].
pub async fn read_settings(cx: &Cx) -> Result<Tenant, SettingsError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ReadSettings, &TenantWide)?;
        Ok(Disclosed::new(permit, find(tx).await?))
    })
    .await
}

/// Changes the tenant's settings. They hold for what begins after that: a session that stands keeps its times.
///
/// # Errors
/// [`SettingsError`].
pub async fn change_settings(cx: &Cx, command: ChangeSettings) -> Result<Tenant, SettingsError> {
    cx.govern(async move |cx, tx| {
        let permit = cx.permit(Action::ChangeSettings, &TenantWide)?;
        let before = find(tx).await?;
        if !command.expected.admits(before.version) {
            return Err(SettingsError::OtherVersion);
        }
        let changed = before.settings.changed(&command.change);
        let settings = changed.map_err(SettingsError::Invalid)?;
        if settings == before.settings {
            return Ok(Recorded::unchanged(permit, before));
        }
        let changed = tx.change_settings(before.version, &settings).await?;
        let after = changed.ok_or(SettingsError::Changed)?;
        let kept_for = before.settings.key_set_max_age_seconds;
        if after.settings.key_set_max_age_seconds < kept_for {
            // Who has the set by now was told the longer time.
            tx.extend_key_set_keeping(cx.now().plus_seconds(kept_for))
                .await?;
        }
        let days = |tenant: &Tenant| tenant.settings.signing_key_rotation_days;
        if days(&after) != days(&before) {
            // The schedule looks at once, and finds out when the next rotation is.
            tx.plan_rotation(Some(cx.now())).await?;
        }
        let tenant = after.clone();
        let event = Event::SettingsChanged { before, after };
        Ok(Recorded::new(permit, tenant, event))
    })
    .await
}

async fn find(tx: &mut TenantTx<'_>) -> Result<Tenant, SettingsError> {
    tx.find_tenant().await?.ok_or(SettingsError::NotFound)
}
