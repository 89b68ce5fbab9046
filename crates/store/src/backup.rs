//! Copies of a SQLite database: made beside a server that writes to it, and examined before anybody relies on them.

use crate::error::Error;
use crate::migrations;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// What a copy was found to hold, after it was found to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFacts {
    /// The last migration that was applied to it.
    pub migration: String,
    /// The id of the root key that it was sealed under.
    pub root_key_id: String,
    /// How many tenants are in it.
    pub tenants: u64,
    /// How many users.
    pub users: u64,
    /// How many sessions, ended ones too.
    pub sessions: u64,
    /// How many audit events.
    pub audit_events: u64,
}

/// Copies the database at `from` to `to`, an empty file, as of one moment: all that was committed before this call is in it.
///
/// It runs in one read transaction of a connection of its own. A server goes on reading and committing meanwhile; only its
/// write-ahead log is not folded back until the copy is made, and so grows. `VACUUM INTO` and not the backup interface: the
/// copy holds no free pages, hence nothing of what was deleted.
///
/// # Errors
/// [`Error::Unfit`] when either file cannot be used.
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| {
        Error::Unfit(format!(
            "cannot copy {} to {}: {error}",
            from.display(),
            to.display()
        ))
    };
    let target = to
        .to_str()
        .ok_or_else(|| Error::unfit("the path of a copy must be UTF-8"))?;
    let connection = open_to_look(from).map_err(failed)?;
    connection
        .execute("VACUUM INTO ?1", [target])
        .map(drop)
        .map_err(failed)
}

/// Examines a copy that nobody writes to: its pages and indexes, its foreign keys, its migrations, and what is in it.
///
/// # Errors
/// [`Error::Unfit`] with what is wrong with it.
pub fn examine_sqlite(path: &Path) -> Result<CopyFacts, Error> {
    let unreadable = |error: rusqlite::Error| {
        Error::Unfit(format!("the copy is not a whole SQLite database: {error}"))
    };
    let connection = open_to_look(path).map_err(unreadable)?;
    let check = first_text(&connection, "PRAGMA integrity_check(1)").map_err(unreadable)?;
    if check.as_deref() != Some("ok") {
        return Err(Error::Unfit(format!(
            "the copy is damaged: {}",
            check.unwrap_or_default()
        )));
    }
    let orphan = first_text(&connection, "PRAGMA foreign_key_check").map_err(unreadable)?;
    if let Some(table) = orphan {
        return Err(Error::Unfit(format!(
            "the copy is damaged: a row of {table} refers to one that is not there"
        )));
    }
    let migration = migrations::last_known_on_sqlite(&connection)?;
    let root_key_id = first_text(
        &connection,
        "SELECT value FROM instance_settings WHERE name = 'root_key_id'",
    )
    .map_err(unreadable)?
    .ok_or_else(|| Error::unfit("the database was never used: it names no root key"))?;
    let count = |table| count_rows(&connection, table).map_err(unreadable);
    Ok(CopyFacts {
        migration,
        root_key_id,
        tenants: count("tenants")?,
        users: count("users")?,
        sessions: count("sessions")?,
        audit_events: count("audit_events")?,
    })
}

fn open_to_look(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn first_text(connection: &Connection, text: &str) -> rusqlite::Result<Option<String>> {
    let mut prepared = connection.prepare(text)?;
    let mut rows = prepared.query([])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

fn count_rows(connection: &Connection, table: &'static str) -> rusqlite::Result<u64> {
    let count: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })?;
    Ok(count.unsigned_abs())
}
