//! `keyward doctor`: the four locks, and what it says when one of them is open.

use crate::instance::{Instance, sql_as};
use keyward_store::role_of;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

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

/// Looks at an instance that is broken, and expects one check to fail, by this name and with these words.
fn fails(instance: &Instance, name: &str, words: &[&str]) {
    let looked = instance.run(&["doctor", "--json"]);
    assert_eq!(looked.code, Some(1), "{looked:?}");
    let looked: Value = serde_json::from_str(&looked.stdout).unwrap();
    let found = checks(&looked, name);
    assert_eq!(found[0].0, "failed", "{looked}");
    for word in words {
        assert!(found[0].1.contains(word), "no {word:?} in {found:?}");
    }
    let said = instance.run(&["doctor"]);
    said.expect_failure(1, &[]);
    assert!(said.stdout.contains("FAILED"), "{said:?}");
}

#[test]
fn each_broken_set_up_is_named_with_what_to_do() {
    let mut instance = Instance::on_sqlite();
    instance.serve().terminate().expect_success();
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(instance.root_key(), mode(0o644)).unwrap();
    fails(&instance, "root key", &["chmod 600"]);
    std::fs::set_permissions(instance.root_key(), mode(0o600)).unwrap();
    let right = std::fs::read(instance.root_key()).unwrap();
    let other = Instance::on_sqlite();
    other.serve().terminate().expect_success();
    std::fs::copy(other.root_key(), instance.root_key()).unwrap();
    fails(&instance, "database", &["root key", "backup"]);
    std::fs::write(instance.root_key(), right).unwrap();
    instance.run(&["doctor"]).expect_success();
    instance.sql("DELETE FROM schema_migrations WHERE name LIKE '0011%'");
    fails(&instance, "database", &["0011", "keyward migrate"]);
    instance.set("KEYWARD_OPERATOR_LISTEN", "127.0.0.1:0");
    instance.set("KEYWARD_OPERATOR_TOKEN_FILE", "/nowhere");
    fails(&instance, "operator.listen", &["/nowhere"]);
    instance.set("KEYWARD_DATABASE_URL", "postgres://a:b@127.0.0.1:9/c");
    instance.set(
        "KEYWARD_DATABASE_SYSTEM_URL",
        "postgres://s:b@127.0.0.1:9/c",
    );
    fails(&instance, "database", &["unavailable"]);
}

#[test]
fn the_operator_socket_is_looked_at() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let socket = || {
        let looked = instance.run(&["doctor", "--json"]);
        let looked: Value = serde_json::from_str(&looked.stdout).unwrap();
        checks(&looked, "operator socket").remove(0)
    };
    let (state, detail) = socket();
    assert!(
        state == "ok" && detail.contains("takes commands"),
        "{detail}"
    );
    let path = instance.data().join("operator.sock");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    fails(&instance, "operator socket", &["chmod 600"]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    server.kill9();
    let (state, detail) = socket();
    assert!(state == "warning" && detail.contains("killed"), "{detail}");
    instance.serve().terminate().expect_success();
    let (state, detail) = socket();
    assert!(state == "ok" && detail.contains("no server"), "{detail}");
}
