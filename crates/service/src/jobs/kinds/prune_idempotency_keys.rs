//! Deletes what was kept of answers, once its time is over, in small transactions. Without it the answers of a tenant that asks
//! for nothing more would stay: they are swept with its next key alone.

use crate::cx::TenantWide;
use crate::jobs::running::{JobError, RunningJob};
use crate::outcome::Recorded;
use keyward_model::Progress;

/// How many keys go in one transaction.
const BATCH: i64 = 500;

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

/// What was done has its own event: that its answer is forgotten needs none.
async fn prune_some(job: &RunningJob, before: i64) -> Result<i64, JobError> {
    let (action, fence) = (job.action(), job.fence());
    job.cx()
        .write(async move |cx, tx| {
            let permit = cx.permit(action, &TenantWide)?;
            let count = tx.prune_idempotency_keys(cx.now(), BATCH).await?;
            let deleted = i64::try_from(count).unwrap_or(i64::MAX);
            let (done, total) = (before + deleted, None);
            tx.note_job_progress(fence, Progress { done, total })
                .await?;
            if deleted < BATCH {
                tx.complete_job(fence, cx.now()).await?;
            }
            Ok(Recorded::unchanged(permit, deleted))
        })
        .await
}
