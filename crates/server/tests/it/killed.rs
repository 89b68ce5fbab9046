//! A crash in the middle of a load of sign-ups: what was acknowledged is there, with its records, and nothing else is.

use crate::http::{exchange, request};
use crate::instance::{Instance, PASSWORD};
use crate::process::Server;
use serde_json::json;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

const ROUNDS: u64 = 5;
const CLIENTS: usize = 8;

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

/// Clients that sign users up, one after the other, until the server is gone.
struct Load {
    acknowledged: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(address: SocketAddr, round: u64) -> Self {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let client = |number| {
            let (name, acknowledged) =
                (format!("round{round}-client{number}"), acknowledged.clone());
            spawn(move || sign_up(address, &name, &acknowledged))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self {
            acknowledged,
            clients,
        }
    }

    /// Lets it run for so long, and longer on a machine so busy that not even the first round of answers has come.
    fn run_for(&self, milliseconds: u64) {
        sleep(Duration::from_millis(milliseconds));
        while self.acknowledged.load(Ordering::SeqCst) < CLIENTS {
            assert!(
                self.clients.iter().any(|client| !client.is_finished()),
                "no client is left"
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// The addresses that were answered with 201.
    fn finish(self) -> Vec<String> {
        let acknowledged = self
            .clients
            .into_iter()
            .map(|client| client.join().unwrap());
        acknowledged.flatten().collect()
    }
}

fn sign_up(address: SocketAddr, name: &str, count: &AtomicUsize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let email = format!("{name}-{number}@example.org");
        let body = json!({ "email": email, "password": PASSWORD });
        let text = request("POST", "/v1/auth/register", None, Some(&body));
        match exchange(address, text.as_bytes()) {
            Ok(answer) if answer.status == 201 => acknowledged.push(email),
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => break,
        }
        count.fetch_add(1, Ordering::SeqCst);
    }
    acknowledged
}

/// Every address that `keyward user list` gives, page by page.
fn listed(instance: &Instance) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut cursor = None;
    loop {
        let mut arguments = vec![
            "user", "list", "--tenant", "demo", "--limit", "200", "--json",
        ];
        arguments.extend(
            cursor
                .iter()
                .flat_map(|cursor: &String| ["--cursor", cursor.as_str()]),
        );
        let page = instance.run(&arguments).expect_json();
        let items = page["items"].as_array().unwrap().iter();
        found.extend(items.map(|user| user["email"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return found,
        }
    }
}

fn check(instance: &Instance, server: &Server, acknowledged: &[String]) -> (usize, i64) {
    assert_eq!(server.get("/readyz").status, 200);
    let listed = listed(instance);
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|email| !listed.contains(*email))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let counts = instance.numbers(COUNTS);
    assert_eq!(
        counts[..4],
        [0; 4],
        "users, events, audit, feed without their other half"
    );
    assert_eq!(counts[4], counts[5]);
    assert_eq!(counts[4], listed.len() as i64);
    let last = json!({ "email": acknowledged.last().unwrap(), "password": PASSWORD });
    assert_eq!(server.post("/v1/auth/login", &last).status, 200);
    (listed.len(), counts[5])
}

fn survives_kill9(name: &str, instance: &Instance, check_files: impl Fn(&Instance)) {
    let mut server = instance.serve();
    let mut acknowledged = Vec::new();
    for round in 1..=ROUNDS {
        let load = Load::start(server.address, round);
        let moment = 500 + RandomState::new().hash_one(round) % 1000;
        load.run_for(moment);
        server.kill9();
        let before = acknowledged.len();
        acknowledged.extend(load.finish());
        server = instance.serve();
        let (found, recorded) = check(instance, &server, &acknowledged);
        check_files(instance);
        println!(
            "{name}, round {round}: killed after {moment} ms, {} acknowledged; in all {} acknowledged, \
             {} found, {} recorded; up again after {:?}",
            acknowledged.len() - before,
            acknowledged.len(),
            found - 1,
            recorded - 1,
            server.healthy_after
        );
    }
    server.terminate().expect_success();
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
    survives_kill9("sqlite", &Instance::on_sqlite(), |instance| {
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
        survives_kill9("postgres", &instance, |_| {});
    }
}
