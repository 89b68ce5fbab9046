//! Migrations: numbered texts, one folder an engine, applied in order and never changed afterwards.
//!
//! The whole text of an applied migration is kept in `schema_migrations` and compared at each start: a migration that was
//! edited after it ran is refused instead of leaving two instances with different tables.

use crate::error::Error;
use crate::postgres;
use crate::sqlite;
use keyward_model::Timestamp;
use rusqlite::Connection;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio_postgres::Client;

/// A migration: its name `NNNN_what`, and its text for each engine.
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// Names a migration and embeds both of its texts.
macro_rules! migration {
    ($name:literal) => {
        Migration {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }
    };
}

/// All of them, in order.
pub(crate) static MIGRATIONS: &[Migration] = &[
    migration!("0001_tenants"),
    migration!("0002_users_and_sessions"),
    migration!("0003_events"),
    migration!("0004_jobs"),
    migration!("0005_user_administration"),
    migration!("0006_instance_events"),
    migration!("0007_publishable_keys"),
    migration!("0008_feed_cursors"),
    migration!("0009_signing_key_rotation"),
    migration!("0010_invitations"),
    migration!("0011_tenant_lifecycle"),
    migration!("0012_idempotency_keys"),
    migration!("0013_upkeep"),
    migration!("0014_idempotency_and_key_sets"),
    migration!("0015_refresh_rotation"),
    migration!("0016_attempts"),
    migration!("0017_oauth_clients"),
    migration!("0018_nodes"),
    migration!("0019_revocations"),
    migration!("0020_session_policy"),
    migration!("0021_session_country"),
    migration!("0022_few_of_many_users"),
    migration!("0023_token_families"),
];

/// What `keyward migrate` needs to bring a PostgreSQL database up to date.
#[derive(Clone)]
pub struct PostgresMigrator {
    /// `postgres://` URL of the role that owns the tables.
    pub owner_url: String,
    /// The name of the role that serves requests.
    pub app_role: String,
    /// The name of the role that routes.
    pub system_role: String,
    /// PEM file of the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
}

/// Brings a SQLite file up to date, making it if need be. Returns the names of what was applied.
///
/// # Errors
/// [`Error::Unfit`] when a migration fails, was changed after it ran, or the file is of a newer Keyward.
pub fn migrate_sqlite(path: &Path, now: Timestamp) -> Result<Vec<&'static str>, Error> {
    make_private_file(path)?;
    let mut connection = sqlite::connect(path)?;
    let failed = |error: rusqlite::Error| {
        Error::Unfit(format!("cannot migrate {}: {error}", path.display()))
    };
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                 name TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL, applied_at INTEGER NOT NULL
             ) STRICT",
        )
        .map_err(failed)?;
    let pending = pending(
        &applied_on_sqlite(&connection).map_err(failed)?,
        |migration| migration.sqlite,
    )?;
    let mut done = Vec::new();
    for migration in pending {
        if apply_on_sqlite(&mut connection, migration, now)
            .map_err(|error| refused(migration.name, error))?
        {
            done.push(migration.name);
        }
    }
    Ok(done)
}

/// SQLite gives its other files the mode of this one, and they hold what only the server may read.
fn make_private_file(path: &Path) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    let made = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    made.map(drop)
        .map_err(|error| Error::Unfit(format!("cannot make {}: {error}", path.display())))
}

/// Refuses a file that is not of this version.
pub(crate) fn refuse_pending_on_sqlite(path: &Path) -> Result<(), Error> {
    let applied = applied_on_sqlite(&sqlite::connect(path)?).map_err(|_| {
        Error::unfit(
            "the database is not set up: start `keyward serve` once, or run `keyward migrate`",
        )
    })?;
    refuse_pending(&pending(&applied, |migration| migration.sqlite)?)
}

/// The name of the last migration of a copy, of which none may be unknown or changed; later ones may be missing.
pub(crate) fn last_known_on_sqlite(connection: &Connection) -> Result<String, Error> {
    let applied = applied_on_sqlite(connection)
        .map_err(|error| Error::Unfit(format!("the copy names no migrations: {error}")))?;
    pending(&applied, |migration| migration.sqlite)?;
    let last = applied.into_iter().next_back().map(|(name, _)| name);
    last.ok_or_else(|| Error::unfit("the copy has no tables of Keyward"))
}

/// Refuses a database that lacks migrations.
fn refuse_pending(pending: &[&Migration]) -> Result<(), Error> {
    match pending.first() {
        None => Ok(()),
        Some(first) => Err(Error::Unfit(format!(
            "the database lacks {} migration(s), from {} on: run `keyward migrate`",
            pending.len(),
            first.name
        ))),
    }
}

fn applied_on_sqlite(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare("SELECT name, body FROM schema_migrations ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// False when somebody else who migrates at the same time was faster.
fn apply_on_sqlite(
    connection: &mut Connection,
    migration: &Migration,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if applied_on_sqlite(&transaction)?
        .iter()
        .any(|(name, _)| name == migration.name)
    {
        return Ok(false);
    }
    transaction.execute_batch(migration.sqlite)?;
    transaction.execute(
        "INSERT INTO schema_migrations (name, body, applied_at) VALUES (?1, ?2, ?3)",
        rusqlite::params![migration.name, migration.sqlite, now.micros()],
    )?;
    transaction.commit()?;
    Ok(true)
}

/// Brings a PostgreSQL database up to date. Returns the names of what was applied.
///
/// # Errors
/// As [`migrate_sqlite`], and [`Error::Unavailable`] when the owner cannot connect.
pub async fn migrate_postgres(
    migrator: &PostgresMigrator,
    now: Timestamp,
) -> Result<Vec<&'static str>, Error> {
    let mut client =
        postgres::connect_once(&migrator.owner_url, migrator.ca_file.as_deref()).await?;
    let failed = |error: tokio_postgres::Error| refused("schema_migrations", describe(&error));
    // Two operators may migrate at once; the second waits and finds nothing to do. The lock goes with the connection.
    client
        .batch_execute("SELECT pg_advisory_lock(7310579)")
        .await
        .map_err(failed)?;
    let (app, system) = (quoted(&migrator.app_role), quoted(&migrator.system_role));
    client
        .batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                 name TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL, applied_at BIGINT NOT NULL
             );
             GRANT SELECT ON schema_migrations TO {app}, {system};"
        ))
        .await
        .map_err(failed)?;
    let applied = applied_on_postgres(&client).await.map_err(failed)?;
    let pending = pending(&applied, |migration| migration.postgres)?;
    for migration in &pending {
        let text = migration
            .postgres
            .replace("{app_role}", &app)
            .replace("{system_role}", &system);
        apply_on_postgres(&mut client, migration, &text, now)
            .await
            .map_err(|error| refused(migration.name, describe(&error)))?;
    }
    Ok(pending.iter().map(|migration| migration.name).collect())
}

/// Refuses a database that is not of this version.
pub(crate) async fn refuse_pending_on_postgres(lease: &postgres::Lease) -> Result<(), Error> {
    let present = lease
        .catalog("SELECT to_regclass('schema_migrations') IS NOT NULL")
        .await?;
    let present = present
        .first()
        .is_some_and(|row| row.try_get(0).unwrap_or(false));
    let mut applied = Vec::new();
    if present {
        for row in lease
            .catalog("SELECT name, body FROM schema_migrations ORDER BY name")
            .await?
        {
            applied.push((
                row.try_get(0).map_err(Error::unfit)?,
                row.try_get(1).map_err(Error::unfit)?,
            ));
        }
    }
    refuse_pending(&pending(&applied, |migration| migration.postgres)?)
}

async fn applied_on_postgres(
    client: &Client,
) -> Result<Vec<(String, String)>, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT name, body FROM schema_migrations ORDER BY name",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

async fn apply_on_postgres(
    client: &mut Client,
    migration: &Migration,
    text: &str,
    now: Timestamp,
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(text).await?;
    transaction
        .execute(
            "INSERT INTO schema_migrations (name, body, applied_at) VALUES ($1, $2, $3)",
            &[&migration.name, &migration.postgres, &now.micros()],
        )
        .await?;
    transaction.commit().await
}

fn pending(
    applied: &[(String, String)],
    text: impl Fn(&Migration) -> &'static str,
) -> Result<Vec<&'static Migration>, Error> {
    for (name, body) in applied {
        match MIGRATIONS.iter().find(|migration| migration.name == name) {
            None => {
                return Err(Error::Unfit(format!(
                    "the database has migration {name}, which this binary does not know: it is of a newer Keyward"
                )));
            }
            Some(migration) if text(migration) != body => {
                return Err(Error::Unfit(format!(
                    "migration {name} was changed after it was applied"
                )));
            }
            Some(_) => {}
        }
    }
    let missing = |migration: &&Migration| !applied.iter().any(|(name, _)| name == migration.name);
    Ok(MIGRATIONS.iter().filter(missing).collect())
}

/// A role's name as SQL writes it.
pub(crate) fn quoted(role: &str) -> String {
    format!("\"{}\"", role.replace('"', "\"\""))
}

fn describe(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |refusal| refusal.message().to_owned())
}

fn refused(migration: &str, reason: impl std::fmt::Display) -> Error {
    Error::Unfit(format!("migration {migration} failed: {reason}"))
}
