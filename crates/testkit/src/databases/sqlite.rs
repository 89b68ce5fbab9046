//! A SQLite file for one test.

use super::{Engine, TestDatabase};
use crate::clock::MockClock;
use keyward_model::Clock;
use keyward_store::{SqliteOptions, Store, migrate_sqlite};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

/// A fresh, migrated SQLite database.
pub fn sqlite_store() -> TestDatabase {
    sqlite_store_with(|_| {})
}

/// The same with options that the test changes.
pub fn sqlite_store_with(change: impl FnOnce(&mut SqliteOptions)) -> TestDatabase {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    migrate_sqlite(&path, MockClock::new().now()).unwrap();
    let mut options = SqliteOptions::at(&path);
    change(&mut options);
    let store = Store::open_sqlite(&options).unwrap();
    TestDatabase::new(store, Engine::Sqlite { path, folder })
}

/// A second connection, past the store.
pub(super) fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection
}
