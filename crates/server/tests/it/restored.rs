//! What must not come back to life with a backup besides sessions, and that nobody serves meanwhile.

use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::process::Server;
use serde_json::json;

const END: [&str; 3] = ["restore", "--end-sessions", "--json"];

fn on_each_engine() -> impl Iterator<Item = Instance> {
    let both = [Some(Instance::on_sqlite()), Instance::on_postgres()];
    both.into_iter().flatten()
}

fn administrator(server: &Server) -> String {
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    server
        .post("/v1/auth/login", &body)
        .text_at("/access_token")
}

/// Invites somebody; gives the token of their link.
fn invite(server: &Server, token: &str, email: &str) -> String {
    let body = json!({ "email": email });
    let answer = server.send("POST", "/v1/admin/users", Some(token), Some(&body));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.text_at("/invitation/token")
}

fn accept(server: &Server, invitation: &str) -> u16 {
    let body = json!({ "token": invitation, "password": PASSWORD });
    server.post("/v1/auth/invitation/accept", &body).status
}

#[test]
fn asvs_v6_4_1_invitations_of_a_restored_database_let_nobody_in() {
    for instance in on_each_engine() {
        let server = instance.serve();
        let token = administrator(&server);
        let invited =
            ["ada", "grace"].map(|name| invite(&server, &token, &format!("{name}@example.org")));
        assert_eq!(accept(&server, &invited[0]), 200);
        server.terminate().expect_success();
        let ended = instance.run(&END).expect_json();
        assert_eq!(ended["invitations_ended"], 1, "{ended}");
        let again = instance.run(&END).expect_json();
        assert_eq!(again["invitations_ended"], 0, "it may be run again");
        let server = instance.serve();
        assert_eq!(accept(&server, &invited[1]), 400);
        let page = instance.run(&["audit", "list", "--tenant", "demo", "--json"]);
        let page = page.expect_json();
        let items = page["items"].as_array().unwrap().iter();
        let counts: Vec<_> = items
            .filter(|item| item["public"]["type"] == "tenant.restored")
            .map(|item| item["public"]["details"]["invitations_ended"].clone())
            .collect();
        assert_eq!(counts, [json!(0), json!(1)], "newest first");
        // They are invited once more, as everybody whose link is too old.
        let token = administrator(&server);
        let users = server.get_as(&token, "/v1/admin/users?status=invited");
        let path = format!(
            "/v1/admin/users/{}/invitation",
            users.text_at("/items/0/id")
        );
        let fresh = server.send("POST", &path, Some(&token), Some(&json!({})));
        assert_eq!(accept(&server, &fresh.text_at("/invitation/token")), 200);
        server.terminate().expect_success();
    }
}

#[test]
fn a_kept_restore_keeps_invitations_too() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let invited = invite(&server, &administrator(&server), "ada@example.org");
    let file = instance.beside("whole.backup");
    let file = file.to_str().unwrap();
    instance
        .run(&["backup", "--to", file, "--with-root-key"])
        .expect_success();
    server.terminate().expect_success();
    let other = Instance::on_sqlite();
    let restored = other
        .run(&["restore", "--from", file, "--keep-sessions", "--json"])
        .expect_json();
    assert_eq!(restored["invitations_ended"], 0, "{restored}");
    assert_eq!(accept(&other.serve(), &invited), 200);
}

#[test]
fn nothing_is_ended_beside_a_server() {
    for instance in on_each_engine() {
        let server = instance.serve();
        let token = administrator(&server);
        let mut machines = vec![&instance];
        let elsewhere = instance.on_another_machine();
        if instance.postgres_urls().is_some() {
            machines.push(&elsewhere);
        }
        for machine in machines {
            machine.run(&END).expect_failure(1, &["stop it first"]);
        }
        assert_eq!(server.get_as(&token, "/v1/session").status, 200);
        server.terminate().expect_success();
        assert_eq!(instance.run(&END).expect_json()["sessions_ended"], 1);
    }
}
