//! The root key: lost, cut short, shown around or another's. Nothing is served without the right one, nothing overwritten.

use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance};
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Takes the root key of a served instance away in every way, and brings it back.
fn guard_root_key(instance: &Instance) {
    instance.serve().terminate().expect_success();
    let path = instance.root_key();
    let (name, right) = (
        path.display().to_string(),
        std::fs::read_to_string(&path).unwrap(),
    );
    let other = Instance::on_sqlite();
    other.serve().terminate().expect_success();
    let others = std::fs::read_to_string(other.root_key()).unwrap();

    for (wrong, because) in [
        (&right[..right.len() / 2], "holds no root key"),
        ("", "holds no root key"),
        (&others, "not the one"),
    ] {
        write_private(&path, wrong);
        for finished in [instance.fail_to_serve(), instance.run(&["tenant", "list"])] {
            finished.expect_failure(1, &[because, &name, "backup"]);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong);
    }

    std::fs::remove_file(&path).unwrap();
    for finished in [
        instance.fail_to_serve(),
        instance.run(&["tenant", "create", "acme"]),
    ] {
        finished.expect_failure(1, &["root key", &name, "backup"]);
        assert!(!path.exists());
    }

    write_private(&path, &right);
    std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    instance
        .fail_to_serve()
        .expect_failure(1, &["chmod 600", &name]);

    write_private(&path, &right);
    let server = instance.serve();
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    assert_eq!(server.post("/v1/auth/login", &body).status, 200);
}

#[test]
fn only_the_right_root_key_is_taken_on_sqlite() {
    guard_root_key(&Instance::on_sqlite());
}

#[test]
fn only_the_right_root_key_is_taken_on_postgres() {
    if let Some(instance) = Instance::on_postgres() {
        guard_root_key(&instance);
    }
}

#[test]
fn a_new_data_folder_makes_no_root_key_for_an_old_postgres_database() {
    let Some(instance) = Instance::on_postgres() else {
        return;
    };
    instance.serve().terminate().expect_success();
    std::fs::rename(instance.data(), instance.beside("old")).unwrap();
    let name = instance.root_key().display().to_string();
    instance
        .fail_to_serve()
        .expect_failure(1, &["root key", &name, "another node"]);
    assert!(!instance.root_key().exists());
    std::fs::copy(instance.beside("old/root.key"), instance.root_key()).unwrap();
    assert_eq!(instance.serve().get("/readyz").status, 200);
}
