//! Whether a user may sign in: disabling, enabling, unlocking, deleting with a time of grace, and taking that back.
//!
//! Each is done once: whoever asks again is told how things are, and nothing is recorded a second time.

use super::{UserError, end_sessions, find_user_in, keep_an_administrator};
use crate::cx::Cx;
use crate::outcome::Recorded;
use crate::throttling::forget_account;
use keyward_model::{EndReason, Event, JobKind, NewJob, Timestamp, User, UserId, UserStatus};
use keyward_policy::Action;
use keyward_store::TenantTx;

/// How many seconds a day has.
const DAY_SECONDS: i64 = 86_400;

/// Keeps a user from signing in, and ends what they have open.
///
/// # Errors
/// [`UserError`].
pub async fn disable_user(cx: &Cx, id: UserId) -> Result<User, UserError> {
    cx.govern(async move |cx, tx| {
        let before = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::DisableUser, &before)?;
        match before.status {
            UserStatus::Disabled => return Ok(Recorded::unchanged(permit, before)),
            UserStatus::Deleting => return Err(UserError::WrongStatus(before.status)),
            UserStatus::Active | UserStatus::Invited => {}
        }
        keep_an_administrator(tx, &before).await?;
        let after = tx.disable_user(id).await?.ok_or(UserError::Changed)?;
        let ended = end_sessions(cx, tx, id, EndReason::UserDisabled).await?;
        tx.forget_known_devices(id).await?;
        let disabled = after.clone();
        let events = [vec![Event::UserDisabled { before, after }], ended].concat();
        Ok(Recorded::all(permit, disabled, events))
    })
    .await
}

/// Lets a disabled user sign in again.
///
/// # Errors
/// [`UserError`].
pub async fn enable_user(cx: &Cx, id: UserId) -> Result<User, UserError> {
    cx.govern(async move |cx, tx| {
        let before = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::EnableUser, &before)?;
        match before.status {
            UserStatus::Active | UserStatus::Invited => {
                return Ok(Recorded::unchanged(permit, before));
            }
            UserStatus::Deleting => return Err(UserError::WrongStatus(before.status)),
            UserStatus::Disabled => {}
        }
        let after = tx.enable_user(id).await?.ok_or(UserError::Changed)?;
        let enabled = after.clone();
        let event = Event::UserEnabled { before, after };
        Ok(Recorded::new(permit, enabled, event))
    })
    .await
}

/// Opens an account again that too many failures closed to unknown devices, and lets its owner try at once. Of one that is
/// open it forgets the attempts alike.
///
/// # Errors
/// [`UserError`].
pub async fn unlock_user(cx: &Cx, id: UserId) -> Result<User, UserError> {
    cx.govern(async move |cx, tx| {
        let user = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::UnlockUser, &user)?;
        let forgotten = forget_account(cx, tx, &user.email).await?;
        let (user_id, failures) = (user.id, forgotten.map_or(0, |count| count.failures()));
        let event = Event::UserUnlocked { user_id, failures };
        Ok(Recorded::new(permit, user, event))
    })
    .await
}

/// Deletes a user: at once they have no session and cannot sign in; for good they are gone after the tenant's time of
/// grace. A deletion whose job was cancelled or given up is planned anew.
///
/// # Errors
/// [`UserError`].
pub async fn delete_user(cx: &Cx, id: UserId) -> Result<User, UserError> {
    cx.govern(async move |cx, tx| {
        let before = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::DeleteUser, &before)?;
        if before.status == UserStatus::Deleting && has_live_erasure(tx, &before).await? {
            return Ok(Recorded::unchanged(permit, before));
        }
        keep_an_administrator(tx, &before).await?;
        let deletes_at = end_of_grace(cx, tx).await?;
        let scheduled = match before.status {
            UserStatus::Deleting => tx.reschedule_user_deletion(id, deletes_at).await?,
            _ => tx.schedule_user_deletion(id, deletes_at).await?,
        };
        let after = scheduled.ok_or(UserError::Changed)?;
        // A job of the same moment that is being cancelled would take this one's key with it.
        if !tx.enqueue_job(&erasure(cx, id, deletes_at)).await? {
            return Err(UserError::Changed);
        }
        let ended = end_sessions(cx, tx, id, EndReason::UserDeleted).await?;
        tx.forget_known_devices(id).await?;
        let deleting = after.clone();
        let events = [vec![Event::UserDeletionScheduled { before, after }], ended].concat();
        Ok(Recorded::all(permit, deleting, events))
    })
    .await
}

/// Makes a user who is to be deleted what they were before. Their sessions stay ended.
///
/// # Errors
/// [`UserError`].
pub async fn restore_user(cx: &Cx, id: UserId) -> Result<User, UserError> {
    cx.govern(async move |cx, tx| {
        let before = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::RestoreUser, &before)?;
        if before.status != UserStatus::Deleting {
            return Ok(Recorded::unchanged(permit, before));
        }
        // The job before the user, in the order in which the job takes them.
        if let Some(deletes_at) = before.deletes_at {
            tx.cancel_job_of_key(&erasure_key(id, deletes_at), cx.now())
                .await?;
        }
        let after = tx.restore_user(id).await?.ok_or(UserError::Changed)?;
        let restored = after.clone();
        let event = Event::UserRestored { before, after };
        Ok(Recorded::new(permit, restored, event))
    })
    .await
}

/// Whether a job will delete the user for good.
async fn has_live_erasure(tx: &mut TenantTx<'_>, user: &User) -> Result<bool, UserError> {
    let Some(deletes_at) = user.deletes_at else {
        return Ok(false);
    };
    let live = tx.find_live_job(&erasure_key(user.id, deletes_at)).await?;
    Ok(live.is_some())
}

/// What deletes the user for good.
pub(crate) fn erasure(cx: &Cx, user_id: UserId, deletes_at: Timestamp) -> NewJob {
    let kind = JobKind::EraseUser { user_id };
    NewJob::new(cx.platform().mint(cx.now()), kind, cx.now())
        .at(deletes_at)
        .with_key(erasure_key(user_id, deletes_at))
}

/// The moment is in it: a deletion that was taken back and begun anew has a job of its own.
pub(crate) fn erasure_key(user_id: UserId, deletes_at: Timestamp) -> String {
    format!("erase_user:{user_id}:{}", deletes_at.micros())
}

async fn end_of_grace(cx: &Cx, tx: &mut TenantTx<'_>) -> Result<Timestamp, UserError> {
    let tenant = tx.find_tenant().await?.ok_or(UserError::NotFound)?;
    let seconds = tenant.settings.user_deletion_grace_days * DAY_SECONDS;
    Ok(cx.now().plus_seconds(seconds))
}
