//! What commands print: help, JSON, exit codes.

use crate::instance::{Instance, PASSWORD};
use serde_json::json;

#[test]
fn the_help_of_every_command_says_what_it_does() {
    let instance = Instance::bare();
    for (command, words) in [
        (&[][..], "Security for a multi-tenant application"),
        (&["serve"], "Serves the API"),
        (&["migrate"], "database up to date"),
        (&["doctor"], "Looks at the set-up"),
        (&["config"], "settings"),
        (&["config", "check"], "secrets redacted"),
        (&["config", "default"], "default settings"),
        (&["tenant"], "tenants"),
        (&["tenant", "create"], "Makes a tenant"),
        (&["tenant", "list"], "Lists the tenants"),
        (&["tenant", "show"], "Shows a tenant"),
        (&["audit", "instance"], "the instance"),
        (&["tenant", "suspend"], "Refuses"),
        (&["tenant", "resume"], "in again"),
        (&["tenant", "delete"], "time of grace"),
        (&["tenant", "restore"], "Takes the deletion"),
        (&["tenant", "settings"], "how long things live"),
        (&["tenant", "add-host"], "lead to a tenant"),
        (&["tenant", "remove-host"], "no longer"),
        (&["job"], "jobs"),
        (&["job", "list"], "Lists the jobs"),
        (&["job", "show"], "Shows a job"),
        (&["job", "cancel"], "Cancels"),
        (&["job", "retry"], "tried again"),
        (&["node", "list"], "nodes"),
        (&["user"], "users"),
        (&["user", "list"], "Lists the users"),
        (&["user", "invite"], "the token by which"),
        (&["audit"], "what happened"),
        (&["audit", "list"], "Lists the events"),
    ] {
        let help = instance
            .run(&[command, &["--help"]].concat())
            .expect_success();
        assert!(help.contains(words), "{command:?}: {help}");
        assert!(help.contains("Usage: keyward"), "{command:?}: {help}");
    }
    assert!(!instance.data().exists());
}

#[test]
fn a_wrong_call_ends_with_2() {
    let instance = Instance::bare();
    for command in [
        &["serv"][..],
        &["serve", "--listen", "localhost"],
        &["serve", "--port", "1"],
        &["tenant"],
        &["tenant", "create"],
        &["tenant", "create", "Not A Slug"],
        &["user", "invite", "--tenant", "demo"],
        &["user", "invite", "no address", "--tenant", "demo"],
        &[
            "user",
            "invite",
            "a@example.org",
            "--again",
            "x",
            "--tenant",
            "demo",
        ],
        &["tenant", "create", "acme", "--host", "not a host"],
        &["tenant", "create", "acme", "--issuer", "acme.example"],
        &["tenant", "create", "acme", "--admin-email", "nobody"],
        &["tenant", "create", "acme", "--admin-password-file", "x"],
        &["tenant", "list", "--limit", "0"],
        &["tenant", "list", "--limit", "201"],
        &["user", "list"],
        &["audit", "list"],
    ] {
        instance.run(command).expect_failure(2, &[]);
        assert!(!instance.data().exists(), "{command:?}");
    }
    instance.serve().terminate().expect_success();
    for command in [
        &["tenant", "list", "--cursor", "nonsense"][..],
        &["user", "list", "--tenant", "Not A Slug"],
    ] {
        instance.run(command).expect_failure(2, &[]);
    }
}

#[test]
fn json_is_one_document_and_pages_follow_each_other() {
    let instance = Instance::on_sqlite();
    let applied = instance.run(&["migrate", "--json"]).expect_json();
    assert_eq!(applied["applied"][0], "0001_tenants");
    let server = instance.serve();
    for name in ["ada", "bob", "cleo"] {
        let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
        assert_eq!(server.post("/v1/auth/register", &body).status, 201);
    }
    server.terminate().expect_success();
    let made = instance
        .run(&["tenant", "create", "acme", "--json"])
        .expect_json();
    assert_eq!(made["slug"], "acme");
    assert!(made.get("admin_password").is_none(), "{made}");
    for (command, status) in [
        (&["config", "check"][..], "ok"),
        (&["config", "default"], ""),
    ] {
        let shown = instance.run(&[command, &["--json"]].concat()).expect_json();
        assert_eq!(
            shown["status"].as_str().unwrap_or_default(),
            status,
            "{shown}"
        );
    }
    let looked = instance.run(&["doctor", "--json"]).expect_json();
    assert!(looked["checks"].as_array().unwrap().len() >= 6, "{looked}");
    for (command, key, expected) in [
        (&["tenant", "list"][..], "/slug", 2),
        (&["user", "list", "--tenant", "demo"], "/email", 4),
        (&["audit", "list", "--tenant", "acme"], "/public/type", 2),
    ] {
        assert_eq!(
            pages_of_two(&instance, command, key),
            expected,
            "{command:?}"
        );
    }
}

/// Pages through a list, and gives how many items had the key before any look was recorded.
fn pages_of_two(instance: &Instance, command: &[&str], key: &str) -> usize {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let mut arguments = [command, &["--json", "--limit", "2"]].concat();
        arguments.extend(
            cursor
                .iter()
                .flat_map(|cursor: &String| ["--cursor", cursor.as_str()]),
        );
        let page = instance.run(&arguments).expect_json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        found.extend(
            items
                .iter()
                .map(|item| item.pointer(key).unwrap().to_string()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => {
                return found
                    .iter()
                    .filter(|text| !text.contains("operator.read"))
                    .count();
            }
        }
    }
}

#[test]
fn what_others_wrote_cannot_move_the_cursor_of_a_terminal() {
    let mut instance = Instance::on_sqlite();
    instance.serve().terminate().expect_success();
    let list = ["audit", "list", "--tenant", "demo"];
    instance.set("USER", "eve\u{1b}[2J");
    instance.run(&list).expect_success();
    instance.unset("USER");
    let listed = instance.run(&list).expect_success();
    assert!(!listed.contains('\u{1b}'), "{listed:?}");
    assert!(listed.contains("eve\\u{1b}[2J"), "{listed}");
    assert!(listed.starts_with("OCCURRED_AT"), "{listed}");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let instance = Instance::on_sqlite();
    instance.serve().terminate().expect_success();
    for arguments in [&["tenant", "list"][..], &["tenant", "list", "--json"]] {
        let mut command = instance.command(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        // Nobody reads, from before the first line on.
        drop(reader);
        command.stdout(writer).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(ended.stderr.is_empty(), "{ended:?}");
    }
}
