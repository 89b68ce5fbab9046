//! A crash in the middle of a mixed load: what was acknowledged is there, with its records, and nothing by halves.

mod facts;
mod load;

use crate::instance::Instance;
use crate::process::Server;
use facts::Facts;
use load::Load;
use std::hash::{BuildHasher, RandomState};

/// Users without exactly one event that tells of them, such events without their user, and audit and feed rows without
/// each other; then the users and those events. One statement, so that all of it is of one moment.
const COUNTS: &str = "
    WITH made AS (SELECT tenant_id, target_id FROM audit_events
                  WHERE kind IN ('user.registered', 'user.created') AND outcome = 'success')
    SELECT
      (SELECT count(*) FROM users u WHERE 1 <> (SELECT count(*) FROM made m
         WHERE m.tenant_id = u.tenant_id AND m.target_id = u.id)),
      (SELECT count(*) FROM made m WHERE NOT EXISTS (SELECT 1 FROM users u
         WHERE u.tenant_id = m.tenant_id AND u.id = m.target_id)),
      (SELECT count(*) FROM audit_events a WHERE 1 <> (SELECT count(*) FROM feed f
         WHERE f.tenant_id = a.tenant_id AND f.event_id = a.id)),
      (SELECT count(*) FROM feed f WHERE 1 <> (SELECT count(*) FROM audit_events a
         WHERE a.tenant_id = f.tenant_id AND a.id = f.event_id)),
      (SELECT count(*) FROM users), (SELECT count(*) FROM made)";

/// What a load left behind holds: everything acknowledged is there, and nothing is there by halves.
fn check(instance: &Instance, server: &Server, facts: &Facts) -> Vec<i64> {
    assert_eq!(server.get("/readyz").status, 200);
    let counts = instance.numbers(COUNTS);
    assert_eq!(
        counts[..4],
        [0; 4],
        "users, events, audit, feed without their other half"
    );
    assert_eq!(counts[4], counts[5]);
    facts.check(instance, server);
    counts
}

fn survives_kill9(name: &str, mut instance: Instance, check_files: impl Fn(&Instance)) {
    // All of the load comes from one address.
    instance.set("KEYWARD_RATE_LIMIT_NETWORK_REQUESTS_PER_MINUTE", "0");
    instance.set("KEYWARD_RATE_LIMIT_SESSION_REQUESTS_PER_MINUTE", "0");
    let instance = &instance;
    let mut server = instance.serve();
    let mut facts = Facts::default();
    for round in 1..=rounds() {
        let load = Load::start(&server, round);
        let moment = 500 + RandomState::new().hash_one(round) % 1000;
        load.run_for(moment);
        server.kill9();
        facts.extend(load.finish());
        server = instance.serve();
        let counts = check(instance, &server, &facts);
        facts.settle_sessions();
        check_files(instance);
        println!(
            "{name}, round {round}: killed after {moment} ms; in all {facts} acknowledged; {} users with {} events; \
             up again after {:?}",
            counts[4] - 1,
            counts[5] - 1,
            server.healthy_after
        );
    }
    server.terminate().expect_success();
}

/// A few in every run of the suite; the environment asks for more.
fn rounds() -> u64 {
    let asked = std::env::var("KILL_ROUNDS").ok();
    asked.map_or(3, |rounds| rounds.parse().unwrap())
}

#[test]
fn the_counts_see_what_is_missing() {
    let instance = Instance::on_sqlite();
    instance.serve().terminate().expect_success();
    assert_eq!(instance.numbers(COUNTS), [0, 0, 0, 0, 1, 1]);
    let events = instance.numbers("SELECT count(*) FROM audit_events");
    instance.sql("DELETE FROM feed WHERE kind = 'user.created'");
    assert_eq!(instance.numbers(COUNTS), [0, 0, 1, 0, 1, 1]);
    instance.sql("DELETE FROM audit_events");
    assert_eq!(instance.numbers(COUNTS), [1, 0, 0, events[0] - 1, 1, 0]);
}

#[test]
fn asvs_v2_3_3_nothing_acknowledged_is_lost_on_sqlite() {
    survives_kill9("sqlite", Instance::on_sqlite(), |instance| {
        for (pragma, expected) in [("integrity_check", 1), ("foreign_key_check", 0)] {
            let rows = instance.sql(&format!("PRAGMA {pragma}"));
            assert_eq!(rows.len(), expected, "{rows:?}");
            assert!(
                rows.iter().all(|row| row[0].as_deref() == Some("ok")),
                "{rows:?}"
            );
        }
    });
}

#[test]
fn asvs_v2_3_3_nothing_acknowledged_is_lost_on_postgres() {
    if let Some(instance) = Instance::on_postgres() {
        survives_kill9("postgres", instance, |_| {});
    }
}
