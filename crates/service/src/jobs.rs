//! Jobs: what operators see of them and do with them. Who does them is in `worker`, what is done in `kinds`.
//!
//! **A new kind of job**: a variant of [`keyward_model::JobKind`] with what it needs to know; an action for it; a file in
//! `kinds/` with its function, and one line in each of the two matches of `kinds.rs`. It is enqueued with
//! `tx.enqueue_job` in the transaction of the change that wants it.

mod back_off;
mod kinds;
mod running;
mod schedules;
mod worker;

pub use running::JobError;
pub use worker::{Worker, WorkerSettings};

use crate::cx::{Cx, Owned, Refusal};
use crate::instance_cx::InstanceCx;
use crate::outcome::{Disclosed, Recorded};
use crate::platform::Platform;
use keyward_model::{
    Event, Job, JobDetails, JobFilter, JobId, JobKind, Page, PageRequest, TenantStatus, UserId,
};
use keyward_policy::{Action, Denied};
use keyward_store::{JobCounts, SystemTx, TenantScope, TenantTx};
use uuid::Uuid;

/// Why nothing was shown or done.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// There is no such job.
    #[error("no such job")]
    NotFound,
    /// It has ended, so that there is nothing to cancel.
    #[error("the job has ended already")]
    Ended,
    /// It deletes its tenant, and has begun to: what is left can only go too.
    #[error("the tenant is being deleted, and there is no way back")]
    NoWayBack,
    /// Only what is dead is tried again.
    #[error("the job is not dead")]
    NotDead,
    /// Another job with its key waits or runs.
    #[error("another job for the same purpose is under way")]
    Superseded,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

impl Owned for Job {
    fn owner(&self) -> Option<UserId> {
        None
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.id.uuid())
    }
}

/// The jobs of the instance that match, newest first.
///
/// # Errors
/// [`JobsError`].
pub async fn list_jobs(
    cx: &InstanceCx,
    filter: JobFilter,
    page: PageRequest,
) -> Result<Page<Job>, JobsError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListJobs)?;
        Ok(Disclosed::new(permit, tx.list_jobs(&filter, page).await?))
    })
    .await
}

/// How much there is left to do, for metrics.
///
/// # Errors
/// The store's.
pub async fn count_jobs(platform: &Platform) -> Result<JobCounts, keyward_store::Error> {
    let now = platform.now();
    let count = async move |tx: &mut SystemTx<'_>| tx.count_jobs(now).await;
    platform.store().system_read(count).await
}

/// An operator's way to a job: a context in its tenant, in which the functions below are called.
///
/// # Errors
/// [`JobsError::NotFound`], [`JobsError::Store`].
pub async fn enter_tenant_of_job(cx: &InstanceCx, id: JobId) -> Result<Cx, JobsError> {
    let scope = operator_scope_of_job(cx.platform(), id).await?;
    cx.enter(scope).await.map_err(|refusal| match refusal {
        Refusal::Store(error) => JobsError::Store(error),
        Refusal::Denied(denied) => JobsError::Denied(denied),
        Refusal::Unauthenticated | Refusal::ReauthenticationRequired => JobsError::NotFound,
    })
}

/// An operator's way into the tenant of a job.
///
/// # Errors
/// [`JobsError::NotFound`], [`JobsError::Store`].
pub async fn operator_scope_of_job(
    platform: &Platform,
    id: JobId,
) -> Result<TenantScope, JobsError> {
    let scope = platform.store().operator_scope_of_job(id).await?;
    scope.ok_or(JobsError::NotFound)
}

/// A job with all that is stored of it.
///
/// # Errors
/// [`JobsError`].
pub async fn get_job(cx: &Cx, id: JobId) -> Result<JobDetails, JobsError> {
    cx.read(async move |cx, tx| {
        let found = tx.find_job(id).await?.ok_or(JobsError::NotFound)?;
        let permit = cx.permit(Action::ReadJob, &found.job)?;
        Ok(Disclosed::new(permit, found))
    })
    .await
}

/// Cancels a job: at once while it waits, else at its next transaction or heartbeat. Whoever cancels a deletion's job leaves
/// the tenant or the user about to be deleted: deleting it again plans it anew, and restoring takes it back.
///
/// # Errors
/// [`JobsError`].
pub async fn cancel_job(cx: &Cx, id: JobId) -> Result<Job, JobsError> {
    cx.write(async move |cx, tx| {
        let found = tx.find_job(id).await?.ok_or(JobsError::NotFound)?;
        let permit = cx.permit(Action::CancelJob, &found.job)?;
        let job = tx.cancel_job(id, cx.now()).await?;
        let job = job.ok_or(JobsError::Ended)?;
        // After the job's row was taken, so that the job itself has begun or will find that it is not to.
        if matches!(found.kind(), Ok(JobKind::PurgeTenant {})) && is_purging(tx).await? {
            return Err(JobsError::NoWayBack);
        }
        Ok(Recorded::new(
            permit,
            job.clone(),
            Event::JobCancelled { job },
        ))
    })
    .await
}

async fn is_purging(tx: &mut TenantTx<'_>) -> Result<bool, JobsError> {
    let tenant = tx.find_tenant().await?;
    Ok(tenant.is_some_and(|tenant| tenant.status == TenantStatus::Purging))
}

/// Has a dead job tried again.
///
/// # Errors
/// [`JobsError`].
pub async fn retry_job(cx: &Cx, id: JobId) -> Result<Job, JobsError> {
    let retried = cx.write(async move |cx, tx| {
        let found = tx.find_job(id).await?.ok_or(JobsError::NotFound)?;
        let permit = cx.permit(Action::RetryJob, &found.job)?;
        let job = tx.retry_job(id, cx.now()).await?;
        let job = job.ok_or(JobsError::NotDead)?;
        Ok(Recorded::new(
            permit,
            job.clone(),
            Event::JobRetried { job },
        ))
    });
    match retried.await {
        Err(JobsError::Store(keyward_store::Error::Conflict { .. })) => Err(JobsError::Superseded),
        outcome => outcome,
    }
}
