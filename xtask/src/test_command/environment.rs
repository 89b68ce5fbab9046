//! What the suites are told through their environment. `testkit` reads it.

use std::path::Path;
use std::process::Command;

use crate::cargo::forget_package;

const POSTGRES_URL: &str = "KEYWARD_TEST_POSTGRES_URL";
const SKIP_LOG: &str = "KEYWARD_TEST_SKIP_LOG";
const REQUIRE_ALL: &str = "KEYWARD_TEST_REQUIRE_ALL";

/// The same for every suite of one run.
pub(super) struct Environment {
    /// A superuser's URL of the throw-away server; absent when there is none.
    pub(super) postgres_url: Option<String>,
    pub(super) require_all: bool,
}

impl Environment {
    /// The caller's own `KEYWARD_…` settings are taken away: they would configure the servers under test.
    pub(super) fn apply(&self, command: &mut Command, skip_log: &Path) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KEYWARD_") {
                command.env_remove(&name);
            }
        }
        forget_package(command);
        command.env(SKIP_LOG, skip_log);
        if let Some(url) = &self.postgres_url {
            command.env(POSTGRES_URL, url);
        }
        if self.require_all {
            command.env(REQUIRE_ALL, "1");
        }
    }
}
