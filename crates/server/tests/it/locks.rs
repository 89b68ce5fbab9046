//! Who may use a data folder, and when: one writer at a time, and onlookers beside it.

use crate::instance::Instance;
use serde_json::Value;

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let folder = instance.data().display().to_string();
    let refused = instance.fail_to_serve();
    refused.expect_failure(1, &["another keyward", &folder, "--data"]);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn what_needs_a_sqlite_instance_for_itself_is_refused_beside_its_server() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    instance
        .run(&["migrate"])
        .expect_failure(1, &["another keyward", "stop it first"]);
    let made = instance.run(&["tenant", "create", "acme"]).expect_success();
    assert!(made.contains("acme"), "{made}");
    assert_eq!(server.get("/t/acme/.well-known/jwks.json").status, 200);
    server.terminate().expect_success();
    instance.run(&["migrate"]).expect_success();
    instance
        .run(&["tenant", "create", "acme"])
        .expect_failure(1, &["exists already"]);
}

#[test]
fn a_killed_server_leaves_no_lock() {
    let instance = Instance::on_sqlite();
    for _ in 0..3 {
        instance.serve().kill9();
    }
    instance.run(&["tenant", "create", "acme"]).expect_success();
}

/// Looks at everything beside a server that runs, and finds each look in the audit log.
fn look_around(mut instance: Instance) {
    // The kernel says who is at the other end of the socket, whatever the environment claims.
    instance.set("USER", "grace");
    let _server = instance.serve();
    let tenants = instance.run(&["tenant", "list", "--json"]).expect_json();
    assert_eq!(tenants["items"][0]["slug"], "demo");
    for (command, reason) in [
        (&["user", "list"][..], None),
        (&["user", "list"], Some("ticket 4711")),
        (&["audit", "list"], None),
        (&["audit", "list"], Some("a look at the log")),
    ] {
        let mut arguments = [command, &["--tenant", "demo", "--json"]].concat();
        arguments.extend(reason.iter().flat_map(|reason| ["--reason", reason]));
        let page = instance.run(&arguments).expect_json();
        assert!(!page["items"].as_array().unwrap().is_empty());
    }
    let events = instance
        .run(&["audit", "list", "--tenant", "demo", "--json"])
        .expect_json();
    let looks: Vec<&Value> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["public"]["type"] == "operator.read")
        .map(|item| &item["personal"]["operator"])
        .collect();
    for look in &looks {
        let name = look["name"].as_str().unwrap_or_default();
        assert!(
            name.starts_with("uid ") && !name.contains("grace"),
            "{look}"
        );
    }
    for reason in [
        "keyward user list",
        "ticket 4711",
        "keyward audit list",
        "a look at the log",
    ] {
        let found = looks.iter().filter(|look| look["reason"] == reason);
        assert_eq!(found.count(), 1, "{reason}: {looks:?}");
    }
}

#[test]
fn an_operator_looks_beside_a_running_server_and_is_recorded_on_sqlite() {
    look_around(Instance::on_sqlite());
}

#[test]
fn an_operator_looks_beside_a_running_server_and_is_recorded_on_postgres() {
    if let Some(instance) = Instance::on_postgres() {
        look_around(instance);
    }
}

#[test]
fn on_postgres_a_tenant_is_made_beside_a_server() {
    let Some(instance) = Instance::on_postgres() else {
        return;
    };
    let server = instance.serve();
    instance.run(&["tenant", "create", "acme"]).expect_success();
    assert_eq!(server.get("/t/acme/.well-known/jwks.json").status, 200);
}

#[test]
fn looking_where_nothing_is_makes_nothing() {
    let instance = Instance::on_sqlite();
    let commands = [
        &["tenant", "list"][..],
        &["user", "list", "--tenant", "demo"],
        &["audit", "list", "--tenant", "demo"],
    ];
    for command in commands {
        instance
            .run(command)
            .expect_failure(1, &["data folder", "--data"]);
        assert!(!instance.data().exists());
    }
    std::fs::create_dir(instance.data()).unwrap();
    for command in commands {
        instance
            .run(command)
            .expect_failure(1, &["no database", "keyward.db"]);
        assert_eq!(std::fs::read_dir(instance.data()).unwrap().count(), 0);
    }
    instance.serve().terminate().expect_success();
    instance
        .run(&["user", "list", "--tenant", "acme"])
        .expect_failure(1, &["acme", "keyward tenant list"]);
}
