//! `keyward doctor`: the four locks, and what it says when one of them is open.

use crate::instance::{Instance, sql_as};
use keyward_store::role_of;
use serde_json::Value;

/// The checks whose name begins so, each with its state and detail.
fn checks(looked: &Value, name: &str) -> Vec<(String, String)> {
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    let items = looked["checks"].as_array().unwrap().iter();
    items
        .filter(|check| text(check, "name").starts_with(name))
        .map(|check| (text(check, "state"), text(check, "detail")))
        .collect()
}

fn states(looked: &Value, name: &str) -> Vec<String> {
    checks(looked, name)
        .into_iter()
        .map(|(state, _)| state)
        .collect()
}

#[test]
fn on_sqlite_three_locks_hold_and_the_fourth_is_not_there() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let looked = instance.run(&["doctor", "--json"]).expect_json();
    assert_eq!(states(&looked, "lock "), ["ok", "ok", "ok", "warning"]);
    for name in ["settings", "root key", "password hashing", "database"] {
        assert_eq!(states(&looked, name), ["ok"], "{looked}");
    }
    let text = instance.run(&["doctor"]).expect_success();
    assert!(
        text.contains("lock 4") && text.contains("warning"),
        "{text}"
    );
    server.terminate().expect_success();
    instance.run(&["doctor"]).expect_success();
}

#[test]
fn without_a_folder_or_a_database_it_fails_and_makes_nothing() {
    let instance = Instance::on_sqlite();
    let failed = instance.run(&["doctor"]);
    failed.expect_failure(1, &[]);
    assert!(failed.stdout.contains("no data folder"), "{failed:?}");
    assert!(!instance.data().exists());
    std::fs::create_dir(instance.data()).unwrap();
    let failed = instance.run(&["doctor"]);
    failed.expect_failure(1, &[]);
    assert!(failed.stdout.contains("no database"), "{failed:?}");
    assert_eq!(std::fs::read_dir(instance.data()).unwrap().count(), 0);
    assert_eq!(instance.serve().get("/readyz").status, 200);
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    let mut instance = Instance::on_sqlite();
    instance.serve().terminate().expect_success();
    instance.set("KEYWARD_LISTEN", "0.0.0.0:8080");
    let looked = instance.run(&["doctor", "--json"]).expect_json();
    assert_eq!(states(&looked, "listen"), ["warning"]);
    assert_eq!(states(&looked, "default_tenant"), ["warning"]);
}

/// Breaks an instance by some SQL, expects the doctor to say so, and mends it.
fn finds(instance: &Instance, broken: &str, mended: &str, words: &[&str]) {
    sql_as(&instance.postgres().admin, broken);
    let looked = instance.run(&["doctor", "--json"]);
    assert_eq!(looked.code, Some(1), "{broken}: {looked:?}");
    let looked: Value = serde_json::from_str(&looked.stdout).unwrap();
    let failed: Vec<_> = checks(&looked, "")
        .into_iter()
        .filter(|(state, _)| state == "failed")
        .collect();
    assert_eq!(failed.len(), 1, "{broken}: {looked}");
    for word in words {
        assert!(failed[0].1.contains(word), "no {word:?} in {failed:?}");
    }
    sql_as(&instance.postgres().admin, mended);
    instance.run(&["doctor"]).expect_success();
}

#[test]
fn on_postgres_it_finds_each_open_lock() {
    let Some(instance) = Instance::on_postgres() else {
        return;
    };
    let server = instance.serve();
    let looked = instance.run(&["doctor", "--json"]).expect_json();
    assert_eq!(states(&looked, "lock "), ["ok"; 4]);
    server.terminate().expect_success();
    let urls = instance.postgres();
    let (owner, app) = (role_of(&urls.owner).unwrap(), role_of(&urls.app).unwrap());
    for (broken, mended, words) in [
        (
            "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
            ["users", "not enabled"],
        ),
        (
            "ALTER TABLE audit_events NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE audit_events FORCE ROW LEVEL SECURITY",
            ["audit_events", "not forced"],
        ),
        (
            "CREATE POLICY everybody ON sessions FOR SELECT USING (true)",
            "DROP POLICY everybody ON sessions",
            ["sessions", "policies"],
        ),
        (
            &format!("GRANT {owner} TO {app}"),
            &format!("REVOKE {owner} FROM {app}"),
            [&owner, "owns the tables"],
        ),
        (
            &format!("ALTER ROLE {app} BYPASSRLS"),
            &format!("ALTER ROLE {app} NOBYPASSRLS"),
            [&app, "bypasses row-level security"],
        ),
    ] {
        finds(&instance, broken, mended, &words);
    }
}
