//! The worker: what a job does is there once, whatever becomes of those who do it.

use keyward_model::{
    Client, Digest, Event, Job, JobFilter, JobId, JobKind, JobState, KeptContent, NewJob,
    OnceRequest, PageRequest, Principal, Progress, UserId,
};
use keyward_policy::Action;
use keyward_service::jobs::{
    JobsError, Worker, WorkerSettings, cancel_job, get_job, list_jobs, operator_scope_of_job,
    retry_job,
};
use keyward_service::{Cx, InstanceCx, Platform};
use keyward_store::{ClaimedJob, Error, Held, TenantScope};
use keyward_testkit::{
    TestApp, TestDatabase, alone_on_both_engines, event_record, new_tenant, new_user,
    unsaved_session, unsaved_token_family,
};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

alone_on_both_engines!(
    a_schedule_finds_what_is_to_be_deleted_and_nothing_else,
    kept_answers_are_deleted_a_day_later_by_a_schedule,
    two_workers_delete_each_session_once,
    a_job_whose_worker_vanished_half_way_is_taken_over_once,
    a_failing_job_backs_off_dies_and_is_tried_again,
    a_job_that_loses_its_workers_dies_too,
    a_job_of_another_binary_is_given_up_and_shown,
    a_cancelled_job_does_nothing_more,
    a_worker_wakes_when_a_job_is_enqueued_and_leaves_none_running,
    tenants_are_kept_apart,
);

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Somebody's sessions, each with a refresh token; all of them expire 8 hours from now.
async fn sessions(database: &TestDatabase, scope: &TenantScope, count: usize) -> UserId {
    let user = new_user(database, scope).await.id;
    let rows: Vec<_> = (0..count)
        .map(|_| {
            let session = unsaved_session(database, user);
            let token = unsaved_token_family(database, session.id);
            (session, token)
        })
        .collect();
    let event = Event::OperatorRead { subject: "session" };
    let record = event_record(database, scope.tenant_id(), &event);
    let written = database.store.write::<_, Error, _>(scope, async move |tx| {
        for (session, token) in &rows {
            tx.insert_session(session).await?;
            tx.insert_token_family(token).await?;
        }
        tx.record(&record).await
    });
    written.await.unwrap();
    user
}

async fn enqueue(app: &TestApp, scope: &TenantScope, change: impl FnOnce(&mut NewJob)) -> JobId {
    let kind = JobKind::PruneSessions {};
    let mut job = NewJob::new(app.database.mint(), kind, app.database.now());
    change(&mut job);
    let id = job.id;
    let enqueued = app.database.store.enqueue_scheduled(scope, job).await;
    assert!(enqueued.unwrap());
    id
}

async fn find(app: &TestApp, scope: &TenantScope, id: JobId) -> Job {
    let read = app
        .database
        .store
        .read::<_, Error, _>(scope, async move |tx| tx.find_job(id).await);
    read.await.unwrap().unwrap().job
}

fn worker(app: &TestApp) -> Worker {
    Worker::new(&app.platform, WorkerSettings::default())
}

/// What the audit records of a tenant say was deleted: how often, and how much in all.
async fn recorded(app: &TestApp, scope: &TenantScope) -> (usize, i64) {
    let tenant = app.database.id_literal(scope.tenant_id());
    let query = format!(
        "SELECT public_part FROM audit_events WHERE kind = 'session.pruned' AND tenant_id = {tenant}"
    );
    let rows = app.database.admin_rows(&query).await;
    let count = |row: &Vec<Option<String>>| {
        let text = row[0].as_deref().unwrap();
        let (_, rest) = text.split_once("\"count\":").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<i64>().unwrap()
    };
    (rows.len(), rows.iter().map(count).sum())
}

async fn count(app: &TestApp, table: &str, scope: &TenantScope) -> i64 {
    let tenant = app.database.id_literal(scope.tenant_id());
    let query = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = {tenant}");
    app.database.admin_count(&query).await
}

async fn operator(platform: &Platform, id: JobId, action: Action) -> Cx {
    let scope = operator_scope_of_job(platform, id).await.unwrap();
    let who = Principal::Operator {
        name: "root".to_owned(),
        reason: "a test".to_owned(),
    };
    let client = Client {
        address: None,
        user_agent: None,
        request_id: platform.mint(platform.now()),
    };
    Cx::begin(platform, (scope, who), client, action)
        .await
        .unwrap()
}

async fn a_schedule_finds_what_is_to_be_deleted_and_nothing_else(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (old, _) = new_tenant(&app.database, "old").await;
    let (young, _) = new_tenant(&app.database, "young").await;
    sessions(&app.database, &old, 450).await;
    assert_eq!(worker(&app).run_due().await.unwrap(), 0, "nothing is old");
    app.database.clock.advance(31 * DAY);
    sessions(&app.database, &young, 3).await;
    sessions(&app.database, &old, 2).await;
    assert_eq!(worker(&app).run_due().await.unwrap(), 1, "one tenant's job");
    assert_eq!(count(&app, "sessions", &old).await, 2);
    assert_eq!(count(&app, "token_families", &old).await, 2);
    assert_eq!(count(&app, "sessions", &young).await, 3);
    assert_eq!(
        recorded(&app, &old).await,
        (3, 450),
        "in small transactions"
    );
    assert_eq!(worker(&app).run_due().await.unwrap(), 0, "not due again");
    app.database.clock.advance(Duration::from_secs(3_700));
    assert_eq!(worker(&app).run_due().await.unwrap(), 0, "nothing left");
    app.database.clock.advance(8 * DAY);
    worker(&app).run_due().await.unwrap();
    assert_eq!(
        count(&app, "jobs", &old).await,
        0,
        "the queue is pruned too"
    );
}

async fn kept_answers_are_deleted_a_day_later_by_a_schedule(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (scope, _) = new_tenant(&app.database, "tenant").await;
    let now = app.database.now();
    let once = OnceRequest {
        principal: "user:1".into(),
        route: "POST /things".into(),
        key: "key".parse().unwrap(),
        digest: Digest([7; 32]),
        expires_at: now.plus_seconds(24 * 3_600),
    };
    let content = KeptContent {
        made: app.database.mint::<()>().uuid(),
        body: Some("{}".into()),
    };
    let kept = app
        .database
        .store
        .write::<_, Error, _>(&scope, async move |tx| {
            tx.claim_idempotency_key(&once, now).await?;
            tx.keep_answer(&once, &content).await
        });
    kept.await.unwrap();
    app.database.clock.advance(DAY - Duration::from_secs(60));
    worker(&app).run_due().await.unwrap();
    assert_eq!(count(&app, "idempotency_keys", &scope).await, 1);
    let events = count(&app, "audit_events", &scope).await;
    app.database.clock.advance(Duration::from_secs(3_700));
    worker(&app).run_due().await.unwrap();
    assert_eq!(count(&app, "idempotency_keys", &scope).await, 0);
    assert_eq!(count(&app, "audit_events", &scope).await, events);
    let tenant = app.database.id_literal(scope.tenant_id());
    let jobs = format!(
        "SELECT state FROM jobs WHERE kind = 'prune_idempotency_keys' AND tenant_id = {tenant}"
    );
    let jobs = app.database.admin_rows(&jobs).await;
    assert_eq!(jobs, [[Some("done".to_owned())]]);
}

async fn two_workers_delete_each_session_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let mut tenants = Vec::new();
    for number in 0..6 {
        let (scope, _) = new_tenant(&app.database, &format!("tenant{number}")).await;
        sessions(&app.database, &scope, 210).await;
        let id = enqueue(&app, &scope, |_| {}).await;
        tenants.push((scope, id));
    }
    app.database.clock.advance(31 * DAY);
    hold_schedules(&app).await;
    let workers = [worker(&app), worker(&app)]
        .map(|worker| tokio::spawn(async move { worker.run_due().await.unwrap() }));
    let mut made = 0;
    for worker in workers {
        made += worker.await.unwrap();
    }
    for (scope, id) in tenants {
        let job = find(&app, &scope, id).await;
        assert_eq!(job.state, JobState::Done);
        assert_eq!((job.claim, job.attempts), (1, 1));
        let progress = Progress {
            done: 210,
            total: None,
        };
        assert_eq!(job.progress, progress);
        assert_eq!(count(&app, "sessions", &scope).await, 0);
        let (_, deleted) = recorded(&app, &scope).await;
        assert_eq!(deleted, 210, "each is recorded once");
    }
    assert!(made >= 6, "{made}");
}

/// A node that has claimed a job and done a part of it, and is not heard of any more.
async fn vanish_half_way(app: &TestApp, scope: &TenantScope, id: JobId) -> ClaimedJob {
    let now = app.database.now();
    let lease = (now, now.plus_seconds(60));
    let claimed = app.database.store.claim_jobs(Uuid::from_u128(1), lease, 9);
    let mut claimed = claimed.await.unwrap().into_iter();
    let claimed = claimed.find(|job| job.fence.job_id == id).unwrap();
    assert!(part_of_the_work(app, scope, &claimed, 40).await.is_ok());
    claimed
}

/// Deletes some sessions as the job does, under its claim.
async fn part_of_the_work(
    app: &TestApp,
    scope: &TenantScope,
    claimed: &ClaimedJob,
    limit: i64,
) -> Result<(), Error> {
    let (fence, before) = (claimed.fence, app.database.now());
    let event = Event::SessionsPruned {
        job_id: fence.job_id,
        count: limit.unsigned_abs(),
    };
    let record = event_record(&app.database, scope.tenant_id(), &event);
    let write = app.database.store.write(scope, async move |tx| {
        match tx.hold_job(fence).await? {
            Held::Yes => {}
            Held::Cancelled => return Err(Error::JobCancelled),
            Held::Lost => return Err(Error::ClaimLost),
        }
        tx.delete_expired_sessions(before, limit).await?;
        tx.record(&record).await
    });
    write.await
}

async fn a_job_whose_worker_vanished_half_way_is_taken_over_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (scope, _) = new_tenant(&app.database, "tenant").await;
    sessions(&app.database, &scope, 100).await;
    app.database.clock.advance(31 * DAY);
    let id = enqueue(&app, &scope, |_| {}).await;
    let vanished = vanish_half_way(&app, &scope, id).await;
    worker(&app).run_due().await.unwrap();
    let job = find(&app, &scope, id).await;
    assert_eq!((job.state, job.claim), (JobState::Running, 1), "its lease");
    app.database.clock.advance(Duration::from_secs(61));
    worker(&app).run_due().await.unwrap();
    worker(&app).run_due().await.unwrap();
    let job = find(&app, &scope, id).await;
    assert_eq!((job.state, job.claim), (JobState::Done, 2), "once");
    assert_eq!(recorded(&app, &scope).await, (2, 100));
    let late = part_of_the_work(&app, &scope, &vanished, 10).await;
    assert!(matches!(late, Err(Error::ClaimLost)), "it woke too late");
    assert_eq!(recorded(&app, &scope).await, (2, 100));
}

async fn a_failing_job_backs_off_dies_and_is_tried_again(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (scope, _) = new_tenant(&app.database, "tenant").await;
    sessions(&app.database, &scope, 1).await;
    app.database.clock.advance(31 * DAY);
    block_deletion(&app).await;
    let id = enqueue(&app, &scope, |job| job.attempts_max = 3).await;
    let mut waited = Vec::new();
    for attempt in 1..=3 {
        let before = app.database.now();
        worker(&app).run_due().await.unwrap();
        let job = find(&app, &scope, id).await;
        if attempt < 3 {
            // The draw may be so short that its time came within the run.
            assert!(job.attempts >= attempt, "{job:?}");
            assert!(
                job.run_at
                    <= before
                        .plus_seconds(2 << (job.attempts - 1))
                        .plus_micros(1_000)
            );
            waited.push(job.run_at);
        }
        app.database.clock.advance(Duration::from_secs(10));
    }
    let dead = find(&app, &scope, id).await;
    assert_eq!((dead.state, dead.attempts), (JobState::Dead, 3));
    let shown = get_job(&operator(&app.platform, id, Action::ReadJob).await, id).await;
    let reason = shown.unwrap().last_error.unwrap();
    assert_eq!(reason, "a constraint refused a row");
    let died = "SELECT COUNT(*) FROM audit_events WHERE kind = 'job.died' AND outcome = 'failure'";
    assert_eq!(app.database.admin_count(died).await, 1);
    app.database.admin_sql("DROP TABLE blocker").await;
    worker(&app).run_due().await.unwrap();
    assert_eq!(find(&app, &scope, id).await.state, JobState::Dead);
    let cx = operator(&app.platform, id, Action::RetryJob).await;
    assert_eq!(retry_job(&cx, id).await.unwrap().state, JobState::Waiting);
    let again = retry_job(&cx, id).await;
    assert!(matches!(again, Err(JobsError::NotDead)));
    worker(&app).run_due().await.unwrap();
    assert_eq!(find(&app, &scope, id).await.state, JobState::Done);
    assert_eq!(count(&app, "sessions", &scope).await, 0);
    assert_eq!(waited.len(), 2);
}

/// A row that refers to each session, so that none can be deleted.
async fn block_deletion(app: &TestApp) {
    let bytes = match app.database.engine_name() {
        "sqlite" => "BLOB",
        _ => "UUID",
    };
    let text = format!(
        "CREATE TABLE blocker (tenant_id {bytes} NOT NULL, id {bytes} NOT NULL,
             FOREIGN KEY (tenant_id, id) REFERENCES sessions (tenant_id, id));
         INSERT INTO blocker (tenant_id, id) SELECT tenant_id, id FROM sessions"
    );
    app.database.admin_sql(&text).await;
}

async fn a_job_that_loses_its_workers_dies_too(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (scope, _) = new_tenant(&app.database, "tenant").await;
    let id = enqueue(&app, &scope, |job| job.attempts_max = 2).await;
    for _ in 0..2 {
        let now = app.database.now();
        let lease = (now, now.plus_seconds(60));
        let claimed = app.database.store.claim_jobs(Uuid::from_u128(1), lease, 9);
        assert_eq!(claimed.await.unwrap().len(), 1);
        app.database.clock.advance(Duration::from_secs(61));
    }
    worker(&app).run_due().await.unwrap();
    let cx = operator(&app.platform, id, Action::ReadJob).await;
    let dead = get_job(&cx, id).await.unwrap();
    assert_eq!(dead.job.state, JobState::Dead);
    assert_eq!(dead.last_error.as_deref(), Some("its workers were lost"));
}

async fn a_job_of_another_binary_is_given_up_and_shown(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (scope, _) = new_tenant(&app.database, "tenant").await;
    let [first, second] = [
        enqueue(&app, &scope, |_| {}).await,
        enqueue(&app, &scope, |_| {}).await,
    ];
    let literal = app.database.id_literal(first);
    let text = format!("UPDATE jobs SET kind = 'make_coffee' WHERE id = {literal}");
    app.database.admin_sql(&text).await;
    worker(&app).run_due().await.unwrap();
    let (unknown, known) = (
        find(&app, &scope, first).await,
        find(&app, &scope, second).await,
    );
    assert_eq!((unknown.state, unknown.attempts), (JobState::Dead, 1));
    assert_eq!(known.state, JobState::Done, "it stops nobody else");
    let client = Client {
        address: None,
        user_agent: None,
        request_id: app.platform.mint(app.platform.now()),
    };
    let begin =
        |principal| InstanceCx::begin(&app.platform, principal, client.clone(), Action::ListJobs);
    let operator = Principal::Operator {
        name: "root".into(),
        reason: "a test".into(),
    };
    let cx = begin(operator).unwrap();
    let everything = list_jobs(&cx, JobFilter::default(), PageRequest::new(None, None));
    let kinds = everything.await.unwrap().items;
    assert!(kinds.iter().any(|job| job.kind == "make_coffee"));
    assert!(begin(Principal::Anonymous).is_err());
}

async fn a_cancelled_job_does_nothing_more(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (scope, _) = new_tenant(&app.database, "tenant").await;
    sessions(&app.database, &scope, 50).await;
    app.database.clock.advance(31 * DAY);
    let running = enqueue(&app, &scope, |_| {}).await;
    let vanished = vanish_half_way(&app, &scope, running).await;
    let waiting = enqueue(&app, &scope, |_| {}).await;
    for (id, state) in [(running, JobState::Running), (waiting, JobState::Cancelled)] {
        let cx = operator(&app.platform, id, Action::CancelJob).await;
        assert_eq!(cancel_job(&cx, id).await.unwrap().state, state);
    }
    let cx = operator(&app.platform, waiting, Action::CancelJob).await;
    let again = cancel_job(&cx, waiting).await;
    assert!(matches!(again, Err(JobsError::Ended)));
    let more = part_of_the_work(&app, &scope, &vanished, 5).await;
    assert!(matches!(more, Err(Error::JobCancelled)));
    app.database.clock.advance(Duration::from_secs(61));
    // The schedule would enqueue another.
    let text = "UPDATE schedules SET next_run_at = 9000000000000000";
    app.database.admin_sql(text).await;
    let first = worker(&app).run_due().await.unwrap();
    let rest = worker(&app).run_due().await.unwrap();
    assert!(first >= 1 && rest == 0, "{first} {rest}");
    for id in [running, waiting] {
        assert_eq!(find(&app, &scope, id).await.state, JobState::Cancelled);
    }
}

async fn a_worker_wakes_when_a_job_is_enqueued_and_leaves_none_running(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (scope, _) = new_tenant(&app.database, "tenant").await;
    let settings = WorkerSettings {
        poll: Duration::from_secs(3_600),
        schedule_poll: Duration::from_secs(3_600),
        ..WorkerSettings::default()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let worker = Worker::new(&app.platform, settings);
    let running = tokio::spawn(worker.run(stopped, Duration::from_secs(5)));
    for _ in 0..3 {
        let id = enqueue(&app, &scope, |_| {}).await;
        let done = async {
            while find(&app, &scope, id).await.state != JobState::Done {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), done).await.unwrap();
    }
    let last = enqueue(&app, &scope, |_| {}).await;
    stop.send(()).unwrap();
    timeout(Duration::from_secs(20), running)
        .await
        .unwrap()
        .unwrap();
    let state = find(&app, &scope, last).await.state;
    assert!(
        matches!(state, JobState::Waiting | JobState::Done),
        "{state:?}"
    );
}

/// Only what a test enqueues is done.
async fn hold_schedules(app: &TestApp) {
    for name in ["prune_sessions", "prune_feed"] {
        let text = format!(
            "INSERT INTO schedules (name, next_run_at, claim) VALUES ('{name}', 9000000000000000, 0)"
        );
        app.database.admin_sql(&text).await;
    }
}

async fn tenants_are_kept_apart(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (a, _) = new_tenant(&app.database, "tenant-a").await;
    let (b, _) = new_tenant(&app.database, "tenant-b").await;
    for scope in [&a, &b] {
        sessions(&app.database, scope, 5).await;
    }
    app.database.clock.advance(31 * DAY);
    hold_schedules(&app).await;
    let id = enqueue(&app, &a, |_| {}).await;
    let before = app.database.rows_of_tenant(b.tenant_id()).await;
    worker(&app).run_due().await.unwrap();
    assert_eq!(count(&app, "sessions", &a).await, 0);
    assert_eq!(app.database.rows_of_tenant(b.tenant_id()).await, before);
    let as_b = app
        .database
        .store
        .read::<_, Error, _>(&b, async move |tx| tx.find_job(id).await);
    assert_eq!(as_b.await.unwrap(), None);
}
