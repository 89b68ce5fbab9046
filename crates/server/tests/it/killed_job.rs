//! A crash in the middle of a job: it is taken over, once, and what it did is there once.

use crate::instance::Instance;
use crate::process::Server;
use std::thread::sleep;
use std::time::Duration;

/// So many that a hundred transactions are needed.
const SESSIONS: i64 = 20_000;

const MAKE_ON_SQLITE: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO sessions (tenant_id, id, user_id, created_at, last_active_at, expires_at, idle_seconds, device_priority, version)
    SELECT u.tenant_id, randomblob(16), u.id, 0, 0, n.i, 1, 0, 1 FROM users u, n";

const MAKE_ON_POSTGRES: &str = "
    INSERT INTO sessions (tenant_id, id, user_id, created_at, last_active_at, expires_at, idle_seconds, device_priority, version)
    SELECT u.tenant_id, gen_random_uuid(), u.id, 0, 0, n.i, 1, 0, 1 FROM users u, generate_series(1, 20000) n (i)";

/// Claims, whether it is done, and what it says it did; then how many sessions are left, and how many the audit records
/// say were deleted. One statement, so that all of it is of one moment.
fn look(instance: &Instance) -> [i64; 5] {
    let count = match instance.postgres_urls() {
        None => "CAST(json_extract(public_part, '$.details.count') AS INTEGER)",
        Some(_) => "(public_part::json -> 'details' ->> 'count')::bigint",
    };
    let query = format!(
        "SELECT claim, CASE state WHEN 'done' THEN 1 ELSE 0 END, progress_done,
             (SELECT count(*) FROM sessions WHERE expires_at <= {SESSIONS}),
             (SELECT CAST(coalesce(sum({count}), 0) AS BIGINT) FROM audit_events WHERE kind = 'session.pruned')
         FROM jobs WHERE kind = 'prune_sessions'"
    );
    instance.numbers(&query).try_into().unwrap()
}

/// Waits until the job is done, or has begun and is to be killed. A server begins to look after some seconds.
fn wait(instance: &Instance, until: impl Fn([i64; 5]) -> bool) -> [i64; 5] {
    for _ in 0..6_000 {
        let seen = look(instance);
        if until(seen) {
            return seen;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("{:?}", look(instance));
}

fn enqueue(instance: &Instance, make_sessions: &str) {
    instance.sql(make_sessions);
    let id = match instance.postgres_urls() {
        None => "randomblob(16)",
        Some(_) => "gen_random_uuid()",
    };
    instance.sql(&format!(
        "INSERT INTO jobs (tenant_id, id, kind, payload, deduplication_key, state, run_at, attempts, attempts_max, claim,
             progress_done, cancel_requested, created_at, version)
         SELECT tenant_id, {id}, 'prune_sessions', '{{}}', 'prune_sessions', 'waiting', 0, 0, 9, 0, 0, 0, 0, 1 FROM tenants"
    ));
}

fn is_taken_over_once(name: &str, instance: &Instance, make_sessions: &str) {
    let server: Server = instance.serve();
    enqueue(instance, make_sessions);
    let [claim, ..] = wait(instance, |[_, _, progress, ..]| progress >= 1_000);
    assert_eq!(claim, 1);
    server.kill9();
    let [claim, done, progress, left, recorded] = look(instance);
    println!("{name}: killed after {progress} of {SESSIONS}");
    assert_eq!((claim, done), (1, 0), "it was killed half-way");
    assert_eq!([progress, recorded], [SESSIONS - left; 2], "no half step");
    let server = instance.serve();
    sleep(Duration::from_millis(2_500));
    assert_eq!(look(instance)[0], 1, "its lease has not run out");
    // A minute passes.
    instance.sql("UPDATE jobs SET lease_until = 0");
    let after = wait(instance, |[_, done, ..]| done == 1);
    let all = SESSIONS;
    assert_eq!(after, [2, 1, all, 0, all], "each is deleted once");
    server.terminate().expect_success();
}

#[test]
fn a_job_killed_half_way_is_taken_over_once_on_sqlite() {
    is_taken_over_once("sqlite", &Instance::on_sqlite(), MAKE_ON_SQLITE);
}

#[test]
fn a_job_killed_half_way_is_taken_over_once_on_postgres() {
    if let Some(instance) = Instance::on_postgres() {
        is_taken_over_once("postgres", &instance, MAKE_ON_POSTGRES);
    }
}
