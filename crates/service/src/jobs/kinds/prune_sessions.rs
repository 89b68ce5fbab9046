//! Deletes a tenant's sessions that ended long ago, in small transactions.

use crate::cx::TenantWide;
use crate::jobs::running::{JobError, RunningJob};
use crate::outcome::Recorded;
use keyward_model::{Event, Progress};

/// How long a session is kept after it expired, for whoever looks into an incident.
pub(crate) const RETENTION_SECONDS: i64 = 30 * 24 * 3_600;
/// How many sessions go in one transaction.
const BATCH: i64 = 200;

pub(super) async fn run(job: &RunningJob) -> Result<(), JobError> {
    let mut done = job.progress().done;
    loop {
        let deleted = prune_some(job, done).await?;
        done += deleted;
        if deleted < BATCH {
            return Ok(());
        }
    }
}

async fn prune_some(job: &RunningJob, before: i64) -> Result<i64, JobError> {
    let (action, fence) = (job.action(), job.fence());
    job.cx()
        .write(async move |cx, tx| {
            let permit = cx.permit(action, &TenantWide)?;
            tx.erase_refresh_answers(cx.now()).await?;
            let expired_before = cx.now().plus_seconds(-RETENTION_SECONDS);
            let count = tx.delete_expired_sessions(expired_before, BATCH).await?;
            let deleted = i64::try_from(count).unwrap_or(i64::MAX);
            let (done, total) = (before + deleted, None);
            tx.note_job_progress(fence, Progress { done, total })
                .await?;
            if deleted < BATCH {
                tx.complete_job(fence, cx.now()).await?;
            }
            let job_id = fence.job_id;
            Ok(match count {
                0 => Recorded::unchanged(permit, deleted),
                _ => Recorded::new(permit, deleted, Event::SessionsPruned { job_id, count }),
            })
        })
        .await
}
