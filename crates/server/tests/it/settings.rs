//! Settings that cannot be used, by their names.

use crate::instance::Instance;

const BOTH_COMMANDS: [&[&str]; 2] = [&["config", "check"], &["serve", "--listen", "127.0.0.1:0"]];

#[test]
fn what_is_wrong_in_the_environment_is_named() {
    let url = "postgres://app:secret-word@127.0.0.1/keyward";
    for (name, value, words) in [
        ("KEYWARD_LISTN", "127.0.0.1:1", "KEYWARD_LISTN"),
        ("KEYWARD_LISTEN", "localhost", "listen"),
        ("KEYWARD_PUBLIC_URL", "keyward.example", "public_url"),
        ("KEYWARD_DEFAULT_TENANT", "Not A Slug", "default_tenant"),
        ("KEYWARD_DEMO_ENABLED", "perhaps", "KEYWARD_DEMO_ENABLED"),
        ("KEYWARD_PASSWORDS_MEMORY_KIB", "19455", "passwords"),
        ("KEYWARD_PASSWORDS_ITERATIONS", "1", "passwords"),
        ("KEYWARD_PASSWORDS_PARALLELISM", "0", "passwords"),
        ("KEYWARD_PASSWORDS_THREADS", "-1", "passwords.threads"),
        ("KEYWARD_LOG_FORMAT", "xml", "log.format"),
        ("KEYWARD_LOG_FILTER", "keyward=loud", "log.filter"),
        (
            "KEYWARD_SHUTDOWN_DRAIN_SECONDS",
            "-1",
            "shutdown.drain_seconds",
        ),
        (
            "KEYWARD_DATABASE_CONNECTIONS_MAX",
            "many",
            "KEYWARD_DATABASE_CONNECTIONS_MAX",
        ),
        ("KEYWARD_DATABASE_URL", url, "database.system_url"),
        (
            "KEYWARD_DATABASE_OWNER_URL",
            "secret-word",
            "database.owner_url",
        ),
    ] {
        let mut instance = Instance::bare();
        instance.set(name, value);
        for command in BOTH_COMMANDS {
            let failed = instance.run(command);
            failed.expect_failure(2, &[words]);
            assert!(!failed.stderr.contains("secret-word"), "{failed:?}");
        }
        assert!(!instance.data().exists(), "{name}");
    }
}

#[test]
fn an_environment_that_is_no_text_is_no_matter_unless_it_is_for_keyward() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut instance = Instance::bare();
    instance.set("LANGUAGE", OsStr::from_bytes(b"\xff"));
    instance.run(&["config", "check"]).expect_success();
    instance.set("KEYWARD_PUBLIC_URL", OsStr::from_bytes(b"\xff"));
    instance
        .run(&["config", "check"])
        .expect_failure(2, &["KEYWARD_PUBLIC_URL", "UTF-8"]);
}

#[test]
fn what_is_wrong_in_a_file_is_named() {
    let instance = Instance::bare();
    let path = instance.beside("keyward.toml");
    let name = path.display().to_string();
    for (text, words) in [
        ("listn = \"127.0.0.1:1\"", &["listn"][..]),
        ("[database]\nurrl = \"secret-word\"", &["database.urrl"]),
        (
            "[demo]\nadmin_password = 5",
            &["demo.admin_password", "string"],
        ),
        (
            "[passwords]\nthreads = \"many\"",
            &["passwords.threads", "integer"],
        ),
        ("\n\nsecret-word = = 1", &[&name, "line 3"]),
    ] {
        std::fs::write(&path, text).unwrap();
        for command in BOTH_COMMANDS {
            let failed = instance.run(&[command, &["--config", &name]].concat());
            failed.expect_failure(2, words);
            assert!(!failed.stderr.contains("secret-word"), "{failed:?}");
        }
    }
    instance
        .run(&["config", "check", "--config", "not-there.toml"])
        .expect_failure(2, &["not-there.toml"]);
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let mut instance = Instance::bare();
    let path = instance.beside("keyward.toml");
    std::fs::write(
        &path,
        "listen = \"127.0.0.1:1\"\n[log]\nfilter = \"warn\"\n",
    )
    .unwrap();
    instance.set("KEYWARD_LISTEN", "127.0.0.1:2");
    let config = ["--config", path.to_str().unwrap()];
    let shown = instance
        .run(&[&["config", "check"], &config[..]].concat())
        .expect_success();
    assert!(
        shown.contains("127.0.0.1:2") && shown.contains("\"warn\""),
        "{shown}"
    );
    let server = instance.serve_with(&config);
    assert!(server.address.port() > 2);
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.stderr(), "", "the file's filter holds");
}

#[test]
fn checked_settings_show_no_secret() {
    let mut instance = Instance::bare();
    for (name, value) in [
        ("KEYWARD_DEMO_ADMIN_PASSWORD", "secret-word and more of it"),
        (
            "KEYWARD_DATABASE_URL",
            "postgres://app:secret-word@db.example/keyward",
        ),
        (
            "KEYWARD_DATABASE_SYSTEM_URL",
            "postgres://system:secret-word@db.example/keyward",
        ),
        (
            "KEYWARD_DATABASE_OWNER_URL",
            "postgres://owner:secret-word@db.example/keyward",
        ),
        (
            "KEYWARD_DATABASE_ADMIN_URL",
            "postgres://admin:secret-word@db.example/keyward",
        ),
    ] {
        instance.set(name, value);
    }
    for arguments in [&["config", "check"][..], &["config", "check", "--json"]] {
        let shown = instance.run(arguments).expect_success();
        assert_eq!(shown.matches("redacted").count(), 5, "{shown}");
        assert!(!shown.contains("secret-word"), "{shown}");
    }
}

#[test]
fn the_printed_default_is_a_file_that_works() {
    let instance = Instance::bare();
    let path = instance.beside("keyward.toml");
    let text = instance.run(&["config", "default"]).expect_success();
    std::fs::write(&path, text).unwrap();
    let check = ["config", "check"];
    let from_file = [&check[..], &["--config", path.to_str().unwrap()]].concat();
    assert_eq!(
        instance.run(&from_file).expect_success(),
        instance.run(&check).expect_success()
    );
}

#[test]
fn postgres_settings_that_a_migration_lacks_are_named() {
    let mut instance = Instance::bare();
    instance
        .run(&["migrate", "--create-roles"])
        .expect_failure(2, &["database.url"]);
    instance.set(
        "KEYWARD_DATABASE_URL",
        "postgres://app:a@127.0.0.1:1/keyward",
    );
    instance.set(
        "KEYWARD_DATABASE_SYSTEM_URL",
        "postgres://system:s@127.0.0.1:1/keyward",
    );
    instance
        .run(&["migrate"])
        .expect_failure(2, &["database.owner_url", "KEYWARD_DATABASE_OWNER_URL"]);
    instance.set(
        "KEYWARD_DATABASE_OWNER_URL",
        "postgres://owner:o@127.0.0.1:1/keyward",
    );
    instance
        .run(&["migrate", "--create-roles"])
        .expect_failure(2, &["database.admin_url"]);
    instance
        .run(&["migrate"])
        .expect_failure(1, &["unavailable"]);
    instance.fail_to_serve().expect_failure(1, &["unavailable"]);
}
