//! Deletes what a tenant keeps for a time, once that is over, in small transactions. What happened has events of its own: that
//! it need not be remembered any more changes nothing for anybody, and needs none.

use crate::cx::TenantWide;
use crate::jobs::running::{JobError, RunningJob};
use crate::outcome::Recorded;
use keyward_model::{Progress, Timestamp};
use keyward_store::{Error, TenantTx};

/// How many rows of a table go in one transaction.
const BATCH: i64 = 500;

/// What is kept for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// Answers to requests that were to be done once. They are swept with the tenant's next key, too, if there is one.
    IdempotencyKeys,
    /// Counts of attempts that hold nobody back any more, and devices that are known no longer.
    Attempts,
    /// Tokens on the denylist that are over by themselves.
    Denylist,
}

pub(super) async fn run(job: &RunningJob, what: Expired) -> Result<(), JobError> {
    let mut done = job.progress().done;
    while let Some(deleted) = prune_some(job, what, done).await? {
        done += deleted;
    }
    Ok(())
}

/// How many were deleted; none, when that was all and the job is done.
async fn prune_some(job: &RunningJob, what: Expired, before: i64) -> Result<Option<i64>, JobError> {
    let (action, fence) = (job.action(), job.fence());
    job.cx()
        .write(async move |cx, tx| {
            let permit = cx.permit(action, &TenantWide)?;
            let counts = delete(tx, what, cx.now()).await?;
            let more = counts.iter().any(|&count| count >= BATCH.unsigned_abs());
            let deleted = i64::try_from(counts.iter().sum::<u64>()).unwrap_or(i64::MAX);
            let (done, total) = (before + deleted, None);
            tx.note_job_progress(fence, Progress { done, total })
                .await?;
            if !more {
                tx.complete_job(fence, cx.now()).await?;
            }
            Ok(Recorded::unchanged(permit, more.then_some(deleted)))
        })
        .await
}

/// How many rows of each table went.
async fn delete(tx: &mut TenantTx<'_>, what: Expired, now: Timestamp) -> Result<Vec<u64>, Error> {
    Ok(match what {
        Expired::IdempotencyKeys => vec![tx.prune_idempotency_keys(now, BATCH).await?],
        Expired::Attempts => vec![
            tx.prune_attempts(now, BATCH).await?,
            tx.prune_known_devices(now, BATCH).await?,
        ],
        Expired::Denylist => vec![tx.prune_denylist(now, BATCH).await?],
    })
}
