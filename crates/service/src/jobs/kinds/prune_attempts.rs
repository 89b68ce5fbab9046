//! Deletes counts of attempts that hold nobody back any more, and devices that are known no longer.

use crate::cx::TenantWide;
use crate::jobs::running::{JobError, RunningJob};
use crate::outcome::Recorded;
use keyward_model::Progress;

/// How many rows of a table go in one transaction.
const BATCH: i64 = 500;

pub(super) async fn run(job: &RunningJob) -> Result<(), JobError> {
    let mut done = job.progress().done;
    loop {
        let (deleted, more) = prune_some(job, done).await?;
        done += deleted;
        if !more {
            return Ok(());
        }
    }
}

/// Their time is over, so that nothing changes for anybody: it has no event.
async fn prune_some(job: &RunningJob, before: i64) -> Result<(i64, bool), JobError> {
    let (action, fence) = (job.action(), job.fence());
    job.cx()
        .write(async move |cx, tx| {
            let permit = cx.permit(action, &TenantWide)?;
            let attempts = tx.prune_attempts(cx.now(), BATCH).await?;
            let devices = tx.prune_known_devices(cx.now(), BATCH).await?;
            let more = attempts.max(devices) >= BATCH.unsigned_abs();
            let deleted = i64::try_from(attempts + devices).unwrap_or(i64::MAX);
            let (done, total) = (before + deleted, None);
            tx.note_job_progress(fence, Progress { done, total })
                .await?;
            if !more {
                tx.complete_job(fence, cx.now()).await?;
            }
            Ok(Recorded::unchanged(permit, (deleted, more)))
        })
        .await
}
