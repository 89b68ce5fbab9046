//! A tenant's way from being served to being gone: suspended and resumed, deleted after a time of grace, or not after all.

use super::TenantError;
use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use keyward_model::{Event, JobKind, NewJob, Tenant, TenantStatus, Timestamp};
use keyward_policy::Action;
use keyward_store::TenantTx;

/// How many days a tenant that was deleted can be brought back, unless something else is asked for.
pub const GRACE_DAYS: u16 = 30;
const DAY_SECONDS: i64 = 86_400;

/// Refuses the users of the tenant of `cx` from now on. Their sessions go on when it is resumed, unless they end by then.
///
/// # Errors
/// [`TenantError::WrongStatus`] unless it is active.
pub async fn suspend_tenant(cx: &Cx) -> Result<Tenant, TenantError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::SuspendTenant, &TenantWide)?;
        let (before, after) = turn(tx, TenantStatus::Active, TenantStatus::Suspended).await?;
        let event = Event::TenantSuspended {
            before,
            after: after.clone(),
        };
        Ok(Recorded::new(permit, after, event))
    })
    .await
}

/// Lets the users of the suspended tenant of `cx` in again.
///
/// # Errors
/// [`TenantError::WrongStatus`] unless it is suspended.
pub async fn resume_tenant(cx: &Cx) -> Result<Tenant, TenantError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::ResumeTenant, &TenantWide)?;
        let (before, after) = turn(tx, TenantStatus::Suspended, TenantStatus::Active).await?;
        let event = Event::TenantResumed {
            before,
            after: after.clone(),
        };
        Ok(Recorded::new(permit, after, event))
    })
    .await
}

/// Has the tenant of `cx` deleted in `grace_days`, and refuses its users from now on. A deletion whose job was cancelled or
/// given up is planned anew; one whose job had begun goes on at once.
///
/// # Errors
/// [`TenantError::WrongStatus`] when it is about to be deleted already.
pub async fn delete_tenant(cx: &Cx, grace_days: u16) -> Result<Tenant, TenantError> {
    let delete_after = cx.now().plus_seconds(i64::from(grace_days) * DAY_SECONDS);
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::DeleteTenant, &TenantWide)?;
        let before = tx.find_tenant().await?.ok_or(TenantError::NotFound)?;
        let after = match before.status {
            TenantStatus::Active | TenantStatus::Suspended => {
                tx.schedule_tenant_deletion(before.version, delete_after)
                    .await?
            }
            status if has_live_purge(tx, &before).await? => {
                return Err(TenantError::WrongStatus(status));
            }
            TenantStatus::Deleting => {
                tx.reschedule_tenant_deletion(before.version, delete_after)
                    .await?
            }
            TenantStatus::Purging => Some(before.clone()),
        };
        let after = after.ok_or(TenantError::Changed)?;
        // A job of the same moment that is being cancelled would take this one's key with it.
        let moment = after.delete_after.unwrap_or(delete_after);
        if !tx.enqueue_job(&purge(cx, moment)).await? {
            return Err(TenantError::Changed);
        }
        let event = Event::TenantDeletionScheduled {
            before,
            after: after.clone(),
        };
        Ok(Recorded::new(permit, after, event))
    })
    .await
}

/// Whether a job will delete the tenant.
async fn has_live_purge(tx: &mut TenantTx<'_>, tenant: &Tenant) -> Result<bool, TenantError> {
    let Some(delete_after) = tenant.delete_after else {
        return Ok(false);
    };
    let live = tx.find_live_job(&purge_key(delete_after)).await?;
    Ok(live.is_some())
}

/// Takes the deletion of the tenant of `cx` back: it is what it was before.
///
/// # Errors
/// [`TenantError::WrongStatus`] unless it is about to be deleted, and its rows are not being deleted yet.
pub async fn cancel_tenant_deletion(cx: &Cx) -> Result<Tenant, TenantError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::CancelTenantDeletion, &TenantWide)?;
        let before = find_in(tx, TenantStatus::Deleting).await?;
        // The job before the tenant, in the order in which the job takes them.
        if let Some(delete_after) = before.delete_after {
            tx.cancel_job_of_key(&purge_key(delete_after), cx.now())
                .await?;
        }
        let after = tx
            .cancel_tenant_deletion(before.version)
            .await?
            .ok_or(TenantError::Changed)?;
        let event = Event::TenantDeletionCancelled {
            before,
            after: after.clone(),
        };
        Ok(Recorded::new(permit, after, event))
    })
    .await
}

/// What deletes the tenant for good.
pub(crate) fn purge(cx: &Cx, delete_after: Timestamp) -> NewJob {
    let kind = JobKind::PurgeTenant {};
    NewJob::new(cx.platform().mint(cx.now()), kind, cx.now())
        .at(delete_after)
        .with_key(purge_key(delete_after))
}

/// The moment is in it: a deletion that was taken back and begun anew has a job of its own.
pub(crate) fn purge_key(delete_after: Timestamp) -> String {
    format!("purge_tenant:{}", delete_after.micros())
}

async fn find_in(tx: &mut TenantTx<'_>, expected: TenantStatus) -> Result<Tenant, TenantError> {
    let found = tx.find_tenant().await?.ok_or(TenantError::NotFound)?;
    match found.status == expected {
        true => Ok(found),
        false => Err(TenantError::WrongStatus(found.status)),
    }
}

/// The tenant before and after its status was turned from one to another.
async fn turn(
    tx: &mut TenantTx<'_>,
    from: TenantStatus,
    to: TenantStatus,
) -> Result<(Tenant, Tenant), TenantError> {
    let before = find_in(tx, from).await?;
    let after = tx.change_tenant_status(&before, to).await?;
    Ok((before, after.ok_or(TenantError::Changed)?))
}
