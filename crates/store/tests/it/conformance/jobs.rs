//! Jobs: enqueued with their change, claimed once, fenced by the claim's number.

use super::scenarios_alone;
use crate::support::{read, some_event, write};
use keyward_model::{Job, JobFence, JobFilter, JobId, JobState, NewJob, PageRequest, Progress};
use keyward_store::{ClaimedJob, Error, Held, JobCounts, ReturnedJob, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant, unsaved_job};
use std::time::Duration;
use uuid::Uuid;

scenarios_alone!(
    a_job_exists_if_its_change_was_committed,
    of_live_jobs_with_a_key_there_is_one,
    a_job_is_claimed_by_one_of_many_workers,
    a_lease_that_ran_out_is_claimed_again_with_a_higher_number,
    effects_under_a_lost_claim_are_rolled_back,
    a_claim_can_be_extended_returned_and_completed,
    a_failed_attempt_counts_and_one_given_back_does_not,
    a_waiting_job_is_cancelled_at_once_and_a_running_one_told,
    a_job_is_cancelled_by_its_key,
    a_dead_job_is_tried_again,
    jobs_are_listed_newest_first_and_filtered,
    jobs_are_counted_by_what_is_left_to_do,
    finished_jobs_are_deleted_and_dead_ones_kept,
);

const LEASE_SECONDS: i64 = 60;

/// A node claims what is due, all of which is of `scope`.
async fn claim(database: &TestDatabase, scope: &TenantScope) -> Vec<ClaimedJob> {
    let now = database.now();
    let lease_until = now.plus_seconds(LEASE_SECONDS);
    let claimed = database
        .store
        .claim_jobs(Uuid::from_u128(9), (now, lease_until), 1_000)
        .await;
    let claimed = claimed.unwrap();
    assert!(claimed.iter().all(|job| job.scope() == *scope));
    claimed
}

async fn enqueue(database: &TestDatabase, scope: &TenantScope, job: &NewJob) -> bool {
    let job = job.clone();
    write(database, scope, async move |tx| tx.enqueue_job(&job).await).await
}

async fn find(database: &TestDatabase, scope: &TenantScope, id: JobId) -> Job {
    let found = read(database, scope, async move |tx| tx.find_job(id).await).await;
    found.unwrap().job
}

/// A tenant with a job that a node has claimed.
async fn claimed_job(database: &TestDatabase) -> (TenantScope, ClaimedJob) {
    let (scope, _) = new_tenant(database, "tenant").await;
    let job = unsaved_job(database);
    assert!(enqueue(database, &scope, &job).await);
    let claimed = claim_this(database, &scope, job.id).await;
    (scope, claimed)
}

async fn claim_this(database: &TestDatabase, scope: &TenantScope, id: JobId) -> ClaimedJob {
    let claimed = claim(database, scope).await;
    let mut mine = claimed.into_iter().filter(|job| job.fence.job_id == id);
    mine.next().unwrap()
}

async fn a_job_exists_if_its_change_was_committed(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (kept, dropped) = (unsaved_job(&database), unsaved_job(&database));
    let (first, second) = (kept.clone(), dropped.clone());
    assert!(enqueue(&database, &scope, &kept).await);
    let rolled_back: Result<(), Error> = database
        .store
        .write(&scope, async move |tx| {
            assert!(tx.enqueue_job(&second).await?);
            Err(Error::SessionOver)
        })
        .await;
    assert!(matches!(rolled_back, Err(Error::SessionOver)));
    let (found, missing) = read(&database, &scope, async move |tx| {
        Ok((tx.find_job(first.id).await?, tx.find_job(dropped.id).await?))
    })
    .await;
    assert_eq!(missing, None);
    let found = found.unwrap();
    assert_eq!(found.kind(), Ok(kept.kind.clone()));
    assert_eq!(found.deduplication_key, kept.deduplication_key);
    assert_eq!(found.last_error, None);
    let expected = Job {
        tenant_id: scope.tenant_id(),
        id: kept.id,
        kind: kept.kind.name().to_owned(),
        state: JobState::Waiting,
        run_at: kept.run_at,
        attempts: 0,
        attempts_max: kept.attempts_max,
        claim: 0,
        claimed_by: None,
        lease_until: None,
        progress: Progress::default(),
        cancel_requested: false,
        created_at: kept.created_at,
        finished_at: None,
        version: 1,
    };
    assert_eq!(found.job, expected);
}

async fn of_live_jobs_with_a_key_there_is_one(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (other, _) = new_tenant(&database, "other").await;
    let job = || unsaved_job(&database).with_key("once");
    let first = job();
    assert!(enqueue(&database, &scope, &first).await);
    assert!(!enqueue(&database, &scope, &job()).await, "one waits");
    let later = database.now().plus_seconds(3_600);
    let of_other = job().at(later);
    assert!(enqueue(&database, &other, &of_other).await, "another's");
    let claimed = claim_this(&database, &scope, first.id).await;
    assert!(!enqueue(&database, &scope, &job()).await, "one runs");
    assert!(
        database
            .store
            .complete_job(&claimed, database.now())
            .await
            .unwrap()
    );
    assert!(enqueue(&database, &scope, &job()).await, "it is done");
}

async fn a_job_is_claimed_by_one_of_many_workers(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        let job = unsaved_job(&database);
        assert!(enqueue(&database, &scope, &job).await);
        ids.push(job.id);
    }
    let later = unsaved_job(&database);
    let later = later.clone().at(later.run_at.plus_seconds(3_600));
    assert!(enqueue(&database, &scope, &later).await);
    let now = database.now();
    let lease_until = now.plus_seconds(LEASE_SECONDS);
    let workers: Vec<_> = (0..8)
        .map(|node| {
            let store = database.store.clone();
            let node = Uuid::from_u128(node);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = store.claim_jobs(node, (now, lease_until), 3).await.unwrap();
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed);
                }
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    let mut claimed: Vec<JobId> = claimed.iter().map(|job| job.fence.job_id).collect();
    claimed.sort();
    assert_eq!(claimed, ids, "each once, and none before its time");
}

async fn a_lease_that_ran_out_is_claimed_again_with_a_higher_number(database: TestDatabase) {
    let (scope, first) = claimed_job(&database).await;
    let id = first.fence.job_id;
    assert_eq!((first.fence.claim, first.attempts), (1, 1));
    assert_eq!(find(&database, &scope, id).await.state, JobState::Running);
    assert!(claim(&database, &scope).await.is_empty(), "it has a lease");
    database.clock.advance(Duration::from_secs(61));
    let second = claim_this(&database, &scope, id).await;
    assert_eq!((second.fence.claim, second.attempts), (2, 2));
    let beat = database.now().plus_seconds(LEASE_SECONDS);
    let held = database.store.extend_job_lease(&first, beat).await;
    assert_eq!(held.unwrap(), Held::Lost);
    let held = database.store.extend_job_lease(&second, beat).await;
    assert_eq!(held.unwrap(), Held::Yes);
}

/// Both believe that they have the job: what the first does after the second claimed it does not stand.
async fn effects_under_a_lost_claim_are_rolled_back(database: TestDatabase) {
    let (scope, first) = claimed_job(&database).await;
    database.clock.advance(Duration::from_secs(61));
    let second = claim_this(&database, &scope, first.fence.job_id).await;
    let mut stood = Vec::new();
    for claimed in [&first, &second, &second] {
        let (fence, effect) = (claimed.fence, unsaved_job(&database));
        let (event, id, now) = (some_event(&database, &scope), effect.id, database.now());
        let outcome: Result<(), Error> = database
            .store
            .write(&scope, async move |tx| {
                assert!(tx.enqueue_job(&effect).await?);
                tx.record(&event).await?;
                match tx.hold_job(fence).await? {
                    Held::Yes => tx.complete_job(fence, now).await.map(drop),
                    Held::Cancelled => Err(Error::JobCancelled),
                    Held::Lost => Err(Error::ClaimLost),
                }
            })
            .await;
        let found = read(&database, &scope, async move |tx| tx.find_job(id).await);
        assert_eq!(found.await.is_some(), outcome.is_ok());
        stood.push(outcome.is_ok());
    }
    assert_eq!(stood, [false, true, false], "once, with the latest claim");
}

async fn a_claim_can_be_extended_returned_and_completed(database: TestDatabase) {
    let (scope, claimed) = claimed_job(&database).await;
    let fence = claimed.fence;
    let later = database.now().plus_seconds(500);
    let (done, total) = (3, Some(7));
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.extend_job_lease(fence, later).await?, Held::Yes);
        tx.note_job_progress(fence, Progress { done, total }).await
    })
    .await;
    let job = find(&database, &scope, fence.job_id).await;
    assert_eq!(job.lease_until, Some(later));
    assert_eq!(job.progress, Progress { done, total });
    let now = database.now();
    let (first, second) = write(&database, &scope, async move |tx| {
        let first = tx.complete_job(fence, now).await?;
        Ok((first, tx.complete_job(fence, now).await?))
    })
    .await;
    assert_eq!((first, second), (true, false));
    let job = find(&database, &scope, fence.job_id).await;
    assert_eq!(job.state, JobState::Done);
    assert_eq!((job.finished_at, job.lease_until), (Some(now), None));
}

async fn a_failed_attempt_counts_and_one_given_back_does_not(database: TestDatabase) {
    let (scope, claimed) = claimed_job(&database).await;
    let (now, fence) = (database.now(), claimed.fence);
    let give_back = ReturnedJob {
        now,
        run_at: now,
        error: None,
    };
    let returned = database.store.return_job(&claimed, give_back.clone()).await;
    assert_eq!(returned.unwrap().unwrap().attempts, 0);
    let again = database.store.return_job(&claimed, give_back).await;
    assert_eq!(again.unwrap(), None, "the claim is over");
    let claimed = claim_this(&database, &scope, fence.job_id).await;
    let failed = ReturnedJob {
        now,
        run_at: now.plus_seconds(90),
        error: Some("no".to_owned()),
    };
    let fence = claimed.fence;
    let returned = write(&database, &scope, async move |tx| {
        tx.return_job(fence, failed).await
    });
    let returned = returned.await.unwrap();
    assert_eq!((returned.state, returned.attempts), (JobState::Waiting, 1));
    assert!(claim(&database, &scope).await.is_empty(), "not yet");
    database.clock.advance(Duration::from_secs(91));
    let claimed = claim_this(&database, &scope, fence.job_id).await;
    assert_eq!(claimed.attempts, 2);
}

async fn a_waiting_job_is_cancelled_at_once_and_a_running_one_told(database: TestDatabase) {
    let (scope, claimed) = claimed_job(&database).await;
    let waiting = unsaved_job(&database);
    let waiting = waiting.clone().at(waiting.run_at.plus_seconds(3_600));
    assert!(enqueue(&database, &scope, &waiting).await);
    let (id, fence, now) = (waiting.id, claimed.fence, database.now());
    let unknown = database.mint();
    write(&database, &scope, async move |tx| {
        let cancelled = tx.cancel_job(id, now).await?.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled);
        assert_eq!(cancelled.finished_at, Some(now));
        assert_eq!(tx.cancel_job(id, now).await?, None, "it has ended");
        assert_eq!(tx.cancel_job(unknown, now).await?, None);
        let told = tx.cancel_job(fence.job_id, now).await?.unwrap();
        assert_eq!(
            (told.state, told.cancel_requested),
            (JobState::Running, true)
        );
        assert_eq!(told.finished_at, None);
        assert_eq!(tx.hold_job(fence).await?, Held::Cancelled);
        Ok(())
    })
    .await;
    let returned = ReturnedJob {
        now,
        run_at: now,
        error: None,
    };
    let returned = database.store.return_job(&claimed, returned).await;
    let returned = returned.unwrap().unwrap();
    assert_eq!(returned.state, JobState::Cancelled);
    assert_eq!(returned.finished_at, Some(now));
    assert!(claim(&database, &scope).await.is_empty());
}

async fn a_job_is_cancelled_by_its_key(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let job = unsaved_job(&database).with_key("delete:1");
    let later = job.run_at.plus_seconds(3_600);
    let job = job.at(later);
    assert!(enqueue(&database, &scope, &job).await);
    let (id, now) = (job.id, database.now());
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.cancel_job_of_key("delete:2", now).await?, None);
        assert_eq!(tx.find_live_job("delete:1").await?, Some(id));
        assert_eq!(tx.find_live_job("delete:2").await?, None);
        let cancelled = tx.cancel_job_of_key("delete:1", now).await?.unwrap();
        assert_eq!((cancelled.id, cancelled.state), (id, JobState::Cancelled));
        assert_eq!(tx.cancel_job_of_key("delete:1", now).await?, None);
        assert_eq!(tx.find_live_job("delete:1").await?, None);
        Ok(())
    })
    .await;
    let again = unsaved_job(&database).with_key("delete:1").at(later);
    assert!(enqueue(&database, &scope, &again).await, "the key is free");
}

async fn a_dead_job_is_tried_again(database: TestDatabase) {
    let (scope, claimed) = claimed_job(&database).await;
    let (fence, now) = (claimed.fence, database.now());
    let id = fence.job_id;
    let lost = JobFence { claim: 7, ..fence };
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.retry_job(id, now).await?, None, "it is not dead");
        assert_eq!(tx.bury_job(lost, now, "why").await?, None);
        let dead = tx.bury_job(fence, now, "why").await?.unwrap();
        assert_eq!((dead.state, dead.finished_at), (JobState::Dead, Some(now)));
        let details = tx.find_job(id).await?.unwrap();
        assert_eq!(details.last_error.as_deref(), Some("why"));
        let waiting = tx.retry_job(id, now).await?.unwrap();
        assert_eq!((waiting.state, waiting.attempts), (JobState::Waiting, 0));
        assert_eq!(waiting.finished_at, None);
        Ok(())
    })
    .await;
    let claimed = claim_this(&database, &scope, id).await;
    assert_eq!(claimed.fence.claim, 2, "an old claim never counts again");
}

async fn jobs_are_listed_newest_first_and_filtered(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let later = database.now().plus_seconds(3_600);
    let mut expected = Vec::new();
    for _ in 0..3 {
        let job = unsaved_job(&database).at(later);
        assert!(enqueue(&database, &scope, &job).await);
        expected.insert(0, job.id);
    }
    let of_tenant = JobFilter {
        tenant_id: Some(scope.tenant_id()),
        ..JobFilter::default()
    };
    let list = async |filter: &JobFilter, page| {
        let filter = filter.clone();
        let listed = database
            .store
            .system_read::<_, Error, _>(async move |tx| tx.list_jobs(&filter, page).await);
        listed.await.unwrap()
    };
    let first = list(&of_tenant, PageRequest::new(Some(2), None)).await;
    let rest = list(&of_tenant, PageRequest::new(Some(2), first.next)).await;
    let ids = first.items.iter().chain(&rest.items).map(|job| job.id);
    assert_eq!(ids.collect::<Vec<_>>(), expected);
    assert_eq!(rest.next, None);
    for (state, kind, count) in [
        (Some(JobState::Waiting), Some("prune_sessions"), 3),
        (Some(JobState::Dead), None, 0),
        (None, Some("other"), 0),
    ] {
        let filter = JobFilter {
            state,
            kind: kind.map(str::to_owned),
            ..of_tenant.clone()
        };
        let page = list(&filter, PageRequest::new(None, None)).await;
        assert_eq!(page.items.len(), count, "{filter:?}");
    }
    let everything = list(&JobFilter::default(), PageRequest::new(Some(200), None)).await;
    assert!(everything.items.len() >= 3);
    let way_in = database.store.operator_scope_of_job(expected[0]).await;
    assert_eq!(way_in.unwrap().unwrap().tenant_id(), scope.tenant_id());
    let unknown = database.store.operator_scope_of_job(database.mint()).await;
    assert_eq!(unknown.unwrap(), None);
}

async fn jobs_are_counted_by_what_is_left_to_do(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let now = database.now();
    let counted = async || {
        let count = database
            .store
            .system_read::<_, Error, _>(async move |tx| tx.count_jobs(now).await);
        count.await.unwrap()
    };
    let (waiting, dead) = (unsaved_job(&database), unsaved_job(&database));
    assert!(enqueue(&database, &scope, &dead).await);
    let fence = claim_this(&database, &scope, dead.id).await.fence;
    let running = unsaved_job(&database);
    assert!(enqueue(&database, &scope, &running).await);
    claim_this(&database, &scope, running.id).await;
    let due = NewJob {
        run_at: now,
        ..unsaved_job(&database)
    };
    let later = waiting.at(now.plus_seconds(3_600));
    for job in [&due, &later] {
        assert!(enqueue(&database, &scope, job).await);
    }
    write(&database, &scope, async move |tx| {
        tx.bury_job(fence, now, "why").await
    })
    .await;
    let expected = JobCounts {
        waiting: 2,
        due: 1,
        running: 1,
        dead: 1,
    };
    assert_eq!(counted().await, expected);
}

async fn finished_jobs_are_deleted_and_dead_ones_kept(database: TestDatabase) {
    let long_ago = database.now();
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut ids = Vec::new();
    for dead in [false, true] {
        let job = unsaved_job(&database);
        assert!(enqueue(&database, &scope, &job).await);
        let fence = claim_this(&database, &scope, job.id).await.fence;
        write(&database, &scope, async move |tx| match dead {
            true => tx.bury_job(fence, long_ago, "why").await.map(drop),
            false => tx.complete_job(fence, long_ago).await.map(drop),
        })
        .await;
        ids.push(job.id);
    }
    let delete = async |ended_before, died_before| {
        database
            .store
            .system_write::<_, Error, _>(async move |tx| {
                tx.delete_finished_jobs(ended_before, died_before, 10).await
            })
            .await
            .unwrap()
    };
    let after = long_ago.plus_seconds(1);
    assert_eq!(delete(after, long_ago).await, 1);
    let (done, dead) = (ids[0], ids[1]);
    let found = read(&database, &scope, async move |tx| {
        Ok((tx.find_job(done).await?, tx.find_job(dead).await?))
    });
    let (done, dead) = found.await;
    assert!(done.is_none() && dead.is_some());
    assert_eq!(delete(after, after).await, 1);
}
