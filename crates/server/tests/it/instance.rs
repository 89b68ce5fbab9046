//! An instance under test: a data folder that is not there yet, settings, and a database on one of the engines.

use crate::process::{Finished, Process, Server, Stopwatch};
use keyward_testkit::{PostgresUrls, Rows, query_postgres, scratch_postgres};
use rusqlite::Connection;
use rusqlite::types::Value as SqliteValue;
use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What people would sign up with.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The address of the demo tenant's administrator.
pub(crate) const ADMIN: &str = "admin@demo.example";
/// Their password, where a test sets one.
pub(crate) const ADMIN_PASSWORD: &str = "the administrator's password";

/// Everything that `keyward` gets from outside.
pub(crate) struct Instance {
    scratch: TempDir,
    data: String,
    settings: Vec<(OsString, OsString)>,
    postgres: Option<PostgresUrls>,
    started: Cell<u32>,
}

impl Instance {
    /// One with nothing set but the administrator's password, on SQLite.
    pub(crate) fn on_sqlite() -> Self {
        let mut instance = Self::bare();
        instance.set("KEYWARD_DEMO_ADMIN_PASSWORD", ADMIN_PASSWORD);
        instance
    }

    /// The same on a migrated PostgreSQL database of its own; none, and the test is noted as skipped, without a cluster.
    pub(crate) fn on_postgres() -> Option<Self> {
        let instance = Self::on_empty_postgres()?;
        instance
            .run(&["migrate", "--create-roles"])
            .expect_success();
        Some(instance)
    }

    /// The same with nothing in the database.
    pub(crate) fn on_empty_postgres() -> Option<Self> {
        let urls = block_on(scratch_postgres())?;
        let mut instance = Self::on_sqlite();
        instance.set("KEYWARD_DATABASE_URL", &urls.app);
        instance.set("KEYWARD_DATABASE_SYSTEM_URL", &urls.system);
        instance.set("KEYWARD_DATABASE_OWNER_URL", &urls.owner);
        instance.set("KEYWARD_DATABASE_ADMIN_URL", &urls.admin);
        instance.postgres = Some(urls);
        Some(instance)
    }

    /// One with nothing set at all.
    pub(crate) fn bare() -> Self {
        Self {
            scratch: tempfile::tempdir().unwrap(),
            data: "data".into(),
            settings: Vec::new(),
            postgres: None,
            started: Cell::new(0),
        }
    }

    /// The same instance on another machine, which has its root key: on PostgreSQL that is the same database.
    pub(crate) fn on_another_machine(&self) -> Self {
        let other = Self {
            scratch: tempfile::tempdir().unwrap(),
            data: self.data.clone(),
            settings: self.settings.clone(),
            postgres: self.postgres.clone(),
            started: Cell::new(0),
        };
        std::fs::create_dir(other.data()).unwrap();
        std::fs::copy(self.root_key(), other.root_key()).unwrap();
        other
    }

    /// Sets a variable of the environment.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.unset(name);
        self.settings.push((name.into(), value.as_ref().into()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.settings.retain(|(known, _)| known != name);
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.scratch.path().join(&self.data)
    }

    /// Puts the data folder elsewhere, before there is one.
    pub(crate) fn move_data(&mut self, data: &str) {
        self.data = data.to_owned();
    }

    /// A place beside the data folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn root_key(&self) -> PathBuf {
        self.data().join("root.key")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data().join("keyward.db")
    }

    /// How to reach the PostgreSQL database of an instance that has one.
    pub(crate) fn postgres_urls(&self) -> Option<&PostgresUrls> {
        self.postgres.as_ref()
    }

    pub(crate) fn postgres(&self) -> &PostgresUrls {
        self.postgres_urls().expect("an instance on PostgreSQL")
    }

    /// `keyward` with these arguments on this instance, and nothing of the environment of the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.env_clear();
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.scratch.path());
        command.args(arguments).arg("--data").arg(self.data());
        command
    }

    /// Starts it and does not wait.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let count = self.started.get() + 1;
        self.started.set(count);
        let output = self.beside(&format!("output-{count}"));
        Process::start(self.command(arguments), output)
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).finish()
    }

    /// Serves on a free port.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// The same with more arguments.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let stopwatch = Stopwatch::start();
        self.try_serve_with(arguments).into_server(&stopwatch)
    }

    /// Serves, where that is to fail.
    pub(crate) fn fail_to_serve(&self) -> Finished {
        self.try_serve_with(&[]).finish()
    }

    fn try_serve_with(&self, arguments: &[&str]) -> Process {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        self.start(&all)
    }

    /// Runs SQL past Keyward, as an administrator of the database, and gives its rows as text.
    pub(crate) fn sql(&self, text: &str) -> Rows {
        match &self.postgres {
            Some(urls) => sql_as(&urls.admin, text),
            None => sqlite_rows(&self.database(), text),
        }
    }

    /// The numbers of a query's only row.
    pub(crate) fn numbers(&self, query: &str) -> Vec<i64> {
        let rows = self.sql(query);
        let row = rows.first().expect("a row").iter();
        row.map(|cell| cell.as_deref().unwrap().parse().unwrap())
            .collect()
    }
}

/// Runs SQL on PostgreSQL as the role of a URL.
pub(crate) fn sql_as(url: &str, text: &str) -> Rows {
    block_on(query_postgres(url, text))
}

fn sqlite_rows(path: &Path, text: &str) -> Rows {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(text).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|column| row.get(column).map(as_text))
            .collect()
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn as_text(value: SqliteValue) -> Option<String> {
    match value {
        SqliteValue::Null => None,
        SqliteValue::Integer(number) => Some(number.to_string()),
        SqliteValue::Real(number) => Some(number.to_string()),
        SqliteValue::Text(text) => Some(text),
        SqliteValue::Blob(bytes) => Some(format!("{} bytes", bytes.len())),
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}
