//! What recurs: which tenants need a job, found by narrow columns and in small steps, and the pruning of the queue itself.

use super::kinds::SESSION_RETENTION_SECONDS;
use crate::platform::Platform;
use keyward_model::{JobKind, NewJob, Timestamp};
use keyward_store::{ClaimedSchedule, Error, ScanStep, Schedule, SystemTx};

/// How long a step may take before another node takes over.
const LEASE_SECONDS: i64 = 60;
/// How many tenants a step finds.
const STEP: i64 = 100;
/// How many rows go in one transaction.
const ROWS: i64 = 500;
/// How long a job is kept after it was done or cancelled.
const JOBS_KEPT_SECONDS: i64 = 7 * 24 * 3_600;
/// How long a row of the feed is kept, also when every reader has had it.
const FEED_KEPT_SECONDS: i64 = 7 * 24 * 3_600;
/// How long a dead one is kept for an operator to look at.
const DEAD_JOBS_KEPT_SECONDS: i64 = 90 * 24 * 3_600;

/// Goes through every schedule that is due. A failure is logged: whoever comes next goes on where it stopped.
pub(super) async fn run_due(platform: &Platform) {
    for &schedule in Schedule::ALL {
        if let Err(error) = run_if_due(platform, schedule).await {
            tracing::warn!(schedule = schedule.name(), %error, "a schedule could not be gone through");
        }
    }
}

/// How long after one run the next is due. Runs that were missed are made up by one.
fn interval_seconds(schedule: Schedule) -> i64 {
    match schedule {
        Schedule::PruneSessions
        | Schedule::PruneIdempotencyKeys
        | Schedule::PruneAttempts
        | Schedule::PruneJobs
        | Schedule::PruneFeed
        | Schedule::RotateSigningKeys => 3_600,
    }
}

async fn run_if_due(platform: &Platform, schedule: Schedule) -> Result<(), Error> {
    let now = platform.now();
    let claim = async move |tx: &mut SystemTx<'_>| {
        tx.claim_schedule(schedule, now, now.plus_seconds(LEASE_SECONDS))
            .await
    };
    let mut claimed = platform.store().system_write(claim).await?;
    while let Some(mine) = claimed {
        claimed = step(platform, mine).await?;
    }
    Ok(())
}

/// Does one step, and says how to go on.
async fn step(
    platform: &Platform,
    claimed: ClaimedSchedule,
) -> Result<Option<ClaimedSchedule>, Error> {
    let now = platform.now();
    let (store, schedule) = (platform.store(), claimed.schedule);
    match schedule {
        Schedule::PruneSessions => {
            let expired_before = now.plus_seconds(-SESSION_RETENTION_SECONDS);
            let found = store.scan_sessions(claimed, expired_before, STEP).await?;
            enqueue_in_each(platform, &found, now, || JobKind::PruneSessions {}).await?;
            go_on(platform, claimed, found).await
        }
        Schedule::PruneIdempotencyKeys => {
            let found = store.scan_idempotency_keys(claimed, now, STEP).await?;
            let kind = || JobKind::PruneIdempotencyKeys {};
            enqueue_in_each(platform, &found, now, kind).await?;
            go_on(platform, claimed, found).await
        }
        Schedule::PruneAttempts => {
            let found = store.scan_attempts(claimed, now, STEP).await?;
            enqueue_in_each(platform, &found, now, || JobKind::PruneAttempts {}).await?;
            go_on(platform, claimed, found).await
        }
        Schedule::RotateSigningKeys => {
            let found = store.scan_rotations(claimed, now, STEP).await?;
            enqueue_in_each(platform, &found, now, || JobKind::RotateSigningKey {}).await?;
            go_on(platform, claimed, found).await
        }
        Schedule::PruneJobs => {
            prune_jobs(platform, now).await?;
            end(platform, claimed).await
        }
        Schedule::PruneFeed => {
            prune_feed(platform, now).await?;
            end(platform, claimed).await
        }
    }
}

async fn prune_jobs(platform: &Platform, now: Timestamp) -> Result<(), Error> {
    let ended_before = now.plus_seconds(-JOBS_KEPT_SECONDS);
    let died_before = now.plus_seconds(-DEAD_JOBS_KEPT_SECONDS);
    let delete = async move |tx: &mut SystemTx<'_>| {
        tx.delete_finished_jobs(ended_before, died_before, ROWS)
            .await
    };
    while platform.store().system_write(delete).await? >= ROWS.unsigned_abs() {}
    Ok(())
}

async fn prune_feed(platform: &Platform, now: Timestamp) -> Result<(), Error> {
    let happened_before = now.plus_seconds(-FEED_KEPT_SECONDS);
    let delete =
        async move |tx: &mut SystemTx<'_>| tx.delete_feed_rows(happened_before, now, ROWS).await;
    while platform.store().system_write(delete).await? >= ROWS.unsigned_abs() {}
    Ok(())
}

async fn go_on(
    platform: &Platform,
    claimed: ClaimedSchedule,
    found: ScanStep,
) -> Result<Option<ClaimedSchedule>, Error> {
    if found.is_last() {
        return end(platform, claimed).await;
    }
    let lease_until = platform.now().plus_seconds(LEASE_SECONDS);
    platform
        .store()
        .system_write(async move |tx: &mut SystemTx<'_>| {
            tx.continue_schedule(claimed, &found, lease_until).await
        })
        .await
}

async fn end(
    platform: &Platform,
    claimed: ClaimedSchedule,
) -> Result<Option<ClaimedSchedule>, Error> {
    let next_run_at = platform
        .now()
        .plus_seconds(interval_seconds(claimed.schedule));
    let end = async move |tx: &mut SystemTx<'_>| tx.end_schedule(claimed, next_run_at).await;
    platform.store().system_write(end).await?;
    Ok(None)
}

/// Enqueues the job in each tenant that has none of the kind under way.
async fn enqueue_in_each(
    platform: &Platform,
    found: &ScanStep,
    now: Timestamp,
    kind: impl Fn() -> JobKind,
) -> Result<(), Error> {
    for scope in &found.tenants {
        let kind = kind();
        let key = kind.name();
        let job = NewJob::new(platform.mint(now), kind, now).with_key(key);
        platform.store().enqueue_scheduled(scope, job).await?;
    }
    Ok(())
}
