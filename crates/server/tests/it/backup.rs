//! `keyward backup` and `keyward restore`: beside a server under load, cut off, tampered with, and what comes back to life.

use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::process::Server;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

fn sign_in(server: &Server, email: &str, password: &str) -> String {
    let body = json!({ "email": email, "password": password });
    server
        .post("/v1/auth/login", &body)
        .text_at("/access_token")
}

fn session_status(server: &Server, token: &str) -> u16 {
    server.get_as(token, "/v1/session").status
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn back_up(instance: &Instance, name: &str) -> PathBuf {
    let file = instance.beside(name);
    instance
        .run(&["backup", "--to", text(&file)])
        .expect_success();
    file
}

/// What is in a folder, but for what starts with `output`.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| !name.starts_with("output") && !name.ends_with(".copy"))
        .collect();
    names.sort();
    names
}

/// Makes the database so big that copying it takes a while.
fn fill(instance: &Instance, megabytes: u32) {
    instance.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {megabytes} * 256)
         INSERT INTO audit_events (tenant_id, id, occurred_at, kind, outcome, actor_kind, target_kind, public_part)
         SELECT (SELECT tenant_id FROM tenants), randomblob(16), 1, 'filler', 'success', 'system', 'tenant',
             '{{\"filler\":\"' || hex(randomblob(2000)) || '\"}}' FROM n"
    ));
}

/// Clients that sign up until they are told to stop; gives the addresses that were acknowledged.
fn load(server: &Server, stop: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<Vec<String>>> {
    let one = |client: usize| {
        let (address, stop) = (server.address, stop.clone());
        spawn(move || {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let email = format!("client{client}-{}@example.org", acknowledged.len());
                let body = json!({ "email": email, "password": PASSWORD });
                let request = crate::http::request("POST", "/v1/auth/register", None, Some(&body));
                let answer = crate::http::exchange(address, request.as_bytes()).unwrap();
                assert_eq!(answer.status, 201, "{answer:?}");
                acknowledged.push(email);
            }
            acknowledged
        })
    };
    (0..4).map(one).collect()
}

fn events(instance: &Instance, kind: &str) -> Vec<Value> {
    let page = instance
        .run(&[
            "audit", "list", "--tenant", "demo", "--limit", "200", "--json",
        ])
        .expect_json();
    let items = page["items"].as_array().unwrap().iter();
    let of_kind = items.filter(|item| item["public"]["type"] == kind);
    of_kind.cloned().collect()
}

#[test]
fn asvs_v7_4_1_a_backup_beside_a_server_under_load_restores_without_its_sessions() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let token = sign_in(&server, ADMIN, ADMIN_PASSWORD);
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(&server, &stop);
    let before = json!({ "email": "before@example.org", "password": PASSWORD });
    assert_eq!(server.post("/v1/auth/register", &before).status, 201);
    let file = back_up(&instance, "keyward.backup");
    // It went on serving and committing.
    let after = json!({ "email": "after@example.org", "password": PASSWORD });
    assert_eq!(server.post("/v1/auth/register", &after).status, 201);
    stop.store(true, Ordering::SeqCst);
    let acknowledged: usize = clients
        .into_iter()
        .map(|client| client.join().unwrap().len())
        .sum();
    assert!(acknowledged > 0);
    assert_eq!(session_status(&server, &token), 200);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let other = Instance::on_sqlite();
    let root_key = instance.root_key();
    let arguments = [
        "restore",
        "--from",
        text(&file),
        "--root-key",
        text(&root_key),
        "--reason",
        "the disk died",
        "--json",
    ];
    let restored = other.run(&arguments).expect_json();
    assert_eq!(restored["sessions_ended"], 1, "{restored}");
    let back = other.serve();
    assert_eq!(session_status(&back, &token), 401, "it lived in the backup");
    let before = sign_in(&back, "before@example.org", PASSWORD);
    assert_eq!(session_status(&back, &before), 200);
    let missing = json!({ "email": "after@example.org", "password": PASSWORD });
    assert_eq!(back.post("/v1/auth/login", &missing).status, 401);
    let told = events(&other, "tenant.restored");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["personal"]["operator"]["reason"], "the disk died");
    assert_eq!(
        told[0]["public"]["details"]["sessions_ended"], 1,
        "{told:?}"
    );
    let mode = std::fs::metadata(other.root_key())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    back.terminate().expect_success();
    assert_eq!(
        names_in(&other.data()),
        ["keyward.db", "keyward.lock", "root.key"]
    );
}

#[test]
fn sessions_are_kept_only_where_it_is_asked_for() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let token = sign_in(&server, ADMIN, ADMIN_PASSWORD);
    let file = instance.beside("whole.backup");
    let made = instance.run(&["backup", "--to", text(&file), "--with-root-key"]);
    assert!(made.expect_success().contains("has everything"));
    server.terminate().expect_success();
    let other = Instance::on_sqlite();
    let said = other
        .run(&["restore", "--from", text(&file), "--keep-sessions"])
        .expect_success();
    assert!(said.contains("also those that were revoked"), "{said}");
    let back = other.serve();
    assert_eq!(session_status(&back, &token), 200);
    let told = events(&other, "tenant.restored");
    assert_eq!(
        told[0]["public"]["details"]["sessions_kept"], true,
        "{told:?}"
    );
}

#[test]
fn a_backup_is_read_by_other_tools_too() {
    let instance = Instance::on_sqlite();
    instance.serve().terminate().expect_success();
    let file = back_up(&instance, "keyward.backup");
    if !crate::skip::has_programs(&["tar"]) {
        return;
    }
    let tar = |arguments: &[&str]| {
        let output = std::process::Command::new("tar")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let names = tar(&["-tf", text(&file)]);
    assert_eq!(names, "manifest.json\nmanifest.hmac\nkeyward.db\n");
    let manifest: Value =
        serde_json::from_str(&tar(&["-xOf", text(&file), "manifest.json"])).unwrap();
    assert_eq!(manifest["format"], "keyward-backup");
    assert_eq!(manifest["contains_root_key"], false);
    assert_eq!(manifest["tenants"], 1);
}

#[test]
fn asvs_v11_3_3_a_cut_or_changed_backup_is_refused() {
    let instance = Instance::on_sqlite();
    instance.serve().terminate().expect_success();
    let file = back_up(&instance, "keyward.backup");
    let root_key = instance.root_key();
    let whole = std::fs::read(&file).unwrap();
    let good = instance
        .run(&[
            "backup",
            "verify",
            text(&file),
            "--root-key",
            text(&root_key),
            "--json",
        ])
        .expect_json();
    assert_eq!(good["authenticated"], true, "{good}");
    let forged = forged(&whole);
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let middle = whole.len() / 2;
    let longer = [whole.clone(), vec![0; 512]].concat();
    for (what, bytes, reason) in [
        ("empty", Vec::new(), "no backup of Keyward"),
        ("another file", b"hello".repeat(500), "no backup of Keyward"),
        ("half", whole[..middle].to_vec(), "damaged or cut short"),
        (
            "its last block",
            whole[..whole.len() - 512].to_vec(),
            "damaged or cut short",
        ),
        (
            "its last byte",
            whole[..whole.len() - 1].to_vec(),
            "damaged or cut short",
        ),
        ("longer", longer, "damaged or cut short"),
        ("a bit of the database", flipped(middle), "SHA-256"),
        ("a new digest as well", forged, "not vouched for"),
    ] {
        is_refused(&instance, (&file, what), bytes, reason);
    }
    let names = names_in(instance.data().parent().unwrap());
    assert_eq!(names, ["data", "keyward.backup"], "no drafts are left");
}

/// Neither `verify` nor `restore` takes these bytes, and what a restore began does not stand in the way of the good backup.
fn is_refused(instance: &Instance, (good, what): (&Path, &str), bytes: Vec<u8>, reason: &str) {
    let root_key = instance.root_key();
    let bad = instance.beside("bad.copy");
    std::fs::write(&bad, bytes).unwrap();
    let arguments = [
        "backup",
        "verify",
        text(&bad),
        "--root-key",
        text(&root_key),
    ];
    let refused = instance.run(&arguments);
    assert!(refused.stderr.contains(reason), "{what}: {refused:?}");
    refused.expect_failure(1, &[]);
    let other = Instance::on_sqlite();
    let arguments = [
        "restore",
        "--from",
        text(&bad),
        "--root-key",
        text(&root_key),
    ];
    let refused = other.run(&arguments);
    assert!(refused.stderr.contains(reason), "{what}: {refused:?}");
    assert!(!other.database().exists(), "{what}");
    // The good one goes into the same folder afterwards.
    let arguments = [
        "restore",
        "--from",
        text(good),
        "--root-key",
        text(&root_key),
    ];
    other.run(&arguments).expect_success();
}

/// A backup whose number of tenants was changed with care: still a whole archive, whose digests all hold.
fn forged(whole: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let version = b"\"keyward_version\": \"0.1.0\"";
    let at = bytes
        .windows(version.len())
        .position(|window| window == version)
        .unwrap();
    bytes[at + version.len() - 2] = b'1';
    bytes
}

#[test]
fn a_restore_overwrites_nothing_and_needs_the_right_root_key() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let file = back_up(&instance, "keyward.backup");
    instance
        .run(&["backup", "--to", text(&file)])
        .expect_failure(1, &["is there already"]);
    instance
        .run(&["restore", "--from", text(&file)])
        .expect_failure(1, &["is not empty"]);
    assert_eq!(server.get("/readyz").status, 200);
    let other = Instance::on_sqlite();
    other
        .run(&["restore", "--from", text(&file)])
        .expect_failure(1, &["needs the root key", "--root-key"]);
    let stranger = Instance::on_sqlite();
    stranger.serve().terminate().expect_success();
    let foreign = stranger.root_key();
    other
        .run(&[
            "restore",
            "--from",
            text(&file),
            "--root-key",
            text(&foreign),
        ])
        .expect_failure(1, &["needs the root key", "is given"]);
    // What a refused restore began is no instance.
    other
        .fail_to_serve()
        .expect_failure(1, &["run `keyward restore` again"]);
    let root_key = instance.root_key();
    other
        .run(&[
            "restore",
            "--from",
            text(&file),
            "--root-key",
            text(&root_key),
        ])
        .expect_success();
    assert_eq!(other.serve().get("/readyz").status, 200);
    instance.run(&["restore"]).expect_failure(2, &["--from"]);
}

#[test]
fn a_killed_backup_leaves_nothing_under_its_name() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    fill(&instance, 24);
    let file = instance.beside("keyward.backup");
    let mut killed = 0;
    for milliseconds in [5, 20, 40, 80, 120, 160, 200, 250] {
        let backup = instance.start(&["backup", "--to", text(&file)]);
        sleep(Duration::from_millis(milliseconds));
        backup.kill9();
        match file.exists() {
            // It was faster than the signal, and what has the name is whole.
            true => {
                instance
                    .run(&["backup", "verify", text(&file)])
                    .expect_success();
                std::fs::remove_file(&file).unwrap();
            }
            false => killed += 1,
        }
    }
    assert!(killed > 0, "no backup was cut off");
    back_up(&instance, "keyward.backup");
    let names = names_in(instance.data().parent().unwrap());
    assert_eq!(names, ["data", "keyward.backup"], "drafts are swept");
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_killed_restore_is_no_instance_and_begins_again() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    fill(&instance, 24);
    let file = back_up(&instance, "keyward.backup");
    server.terminate().expect_success();
    let root_key = instance.root_key();
    let arguments = [
        "restore",
        "--from",
        text(&file),
        "--root-key",
        text(&root_key),
    ];
    let mut cut_off = 0;
    for milliseconds in [30, 60, 100, 150, 200, 300] {
        let other = Instance::on_sqlite();
        let restore = other.start(&arguments);
        sleep(Duration::from_millis(milliseconds));
        restore.kill9();
        let was_cut_off = other.data().join("restoring").exists();
        if was_cut_off {
            cut_off += 1;
            let refused = other.fail_to_serve();
            refused.expect_failure(1, &["run `keyward restore` again"]);
        }
        if was_cut_off || !other.database().exists() {
            other.run(&arguments).expect_success();
        }
        assert_eq!(other.serve().get("/readyz").status, 200);
    }
    assert!(cut_off > 0, "no restore was cut off");
}

#[test]
fn sessions_of_a_database_that_other_tools_brought_back_are_ended() {
    let on_postgres = Instance::on_postgres();
    for instance in [Some(Instance::on_sqlite()), on_postgres]
        .into_iter()
        .flatten()
    {
        let server = instance.serve();
        let token = sign_in(&server, ADMIN, ADMIN_PASSWORD);
        server.terminate().expect_success();
        let ended = instance
            .run(&["restore", "--end-sessions", "--reason", "a drill", "--json"])
            .expect_json();
        assert_eq!(ended["sessions_ended"], 1);
        let again = instance
            .run(&["restore", "--end-sessions", "--json"])
            .expect_json();
        assert_eq!(again["sessions_ended"], 0, "it may be run again");
        let server = instance.serve();
        assert_eq!(session_status(&server, &token), 401);
        let token = sign_in(&server, ADMIN, ADMIN_PASSWORD);
        assert_eq!(session_status(&server, &token), 200);
        let told = events(&instance, "tenant.restored");
        assert_eq!(told[1]["personal"]["operator"]["reason"], "a drill");
    }
}

#[test]
fn on_postgres_the_operator_is_sent_to_its_own_tools() {
    let Some(instance) = Instance::on_postgres() else {
        return;
    };
    instance.serve().terminate().expect_success();
    let file = instance.beside("keyward.backup");
    for command in [["backup", "--to"], ["restore", "--from"]] {
        instance
            .run(&[command[0], command[1], text(&file)])
            .expect_failure(1, &["Backup on PostgreSQL", "docs/operations.md"]);
    }
    assert!(!file.exists());
}
