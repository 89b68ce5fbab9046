//! Deletes what the denylist holds of tokens that are over by themselves, in small transactions.

use crate::cx::TenantWide;
use crate::jobs::running::{JobError, RunningJob};
use crate::outcome::Recorded;
use keyward_model::Progress;

/// How many rows go in one transaction.
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

/// That a token was revoked has its own event: that it need not be remembered any more needs none.
async fn prune_some(job: &RunningJob, before: i64) -> Result<i64, JobError> {
    let (action, fence) = (job.action(), job.fence());
    job.cx()
        .write(async move |cx, tx| {
            let permit = cx.permit(action, &TenantWide)?;
            let count = tx.prune_denylist(cx.now(), BATCH).await?;
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
