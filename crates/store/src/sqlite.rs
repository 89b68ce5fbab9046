//! The SQLite engine: one writer thread with group commit, and readers with a thread each.
//!
//! A closure travels to its thread and is polled there once: it awaits nothing but SQL, which here is ready at once.

mod job;
mod queue;
mod writer;

use crate::error::Error;
use crate::memory::MEMORY_BYTES_MAX;
use crate::meter::StoreMeter;
use crate::row::{Answer, Row};
use crate::statement::Statement;
use crate::value::Value;
use crossbeam_channel::Receiver;
use job::{Job, UseCase};
use queue::{Limits, Queue};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Span;

/// How a SQLite store is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file; its folder exists.
    pub path: PathBuf,
    /// How many use cases may wait for the writer before new ones are refused.
    pub queue_length_max: usize,
    /// How many use cases share one commit at most; 1 gives each its own.
    pub batch_length_max: usize,
    /// How many threads read.
    pub readers: usize,
    /// About how many bytes of sessions are kept in memory.
    pub memory_bytes_max: usize,
}

impl SqliteOptions {
    /// The usual numbers for a database at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue_length_max: 4_096,
            batch_length_max: 256,
            readers: 2,
            memory_bytes_max: MEMORY_BYTES_MAX,
        }
    }
}

/// The engine. Dropping it lets the queued work finish and ends the threads.
///
/// The writer's connection is dropped last: only one that may write folds the write-ahead log back when it closes, and then
/// the database is one file.
pub(crate) struct Sqlite {
    readers: Queue,
    writer: Queue,
}

/// Which queue a use case goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Read,
    Write,
}

impl Sqlite {
    pub(crate) fn open(options: &SqliteOptions, meter: Arc<StoreMeter>) -> Result<Self, Error> {
        let to_write = connect(&options.path)?;
        let limits = Limits {
            length_max: options.queue_length_max,
            batch_length_max: options.batch_length_max,
            meter,
        };
        let to_read = (0..options.readers.max(1))
            .map(|_| connect_to_read(&options.path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            writer: Queue::start("keyward-writer", vec![to_write], &limits, writer::serve)?,
            readers: Queue::start("keyward-reader", to_read, &limits, serve_reads)?,
        })
    }

    /// How many use cases wait for the writer, and for a reader.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.writer.length(), self.readers.length())
    }

    /// The tables with a `tenant_id` of which no unique key begins with it.
    pub(crate) async fn tables_without_tenant_key(&self) -> Result<Vec<String>, Error> {
        let look = |connection: &mut Connection| {
            let mut found = connection.prepare(
                "SELECT t.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c ON c.name = 'tenant_id'
                 WHERE t.type = 'table' AND NOT EXISTS (
                     SELECT 1 FROM pragma_index_list(t.name) i JOIN pragma_index_info(i.name) k
                     WHERE i.\"unique\" AND k.seqno = 0 AND k.name = 'tenant_id')
                 ORDER BY t.name",
            )?;
            found
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()
        };
        let act = move |connection: &mut Connection| look(connection).map_err(Error::unavailable);
        self.perform(Lane::Read, act, |tables| tables).await
    }

    /// Runs `act` on a thread of the lane, inside a transaction; once that is committed, and before anybody is answered,
    /// `after_commit` turns its result into the outcome.
    pub(crate) async fn perform<R, T, E, A, C>(
        &self,
        lane: Lane,
        act: A,
        after_commit: C,
    ) -> Result<T, E>
    where
        A: FnOnce(&mut Connection) -> Result<R, E> + Send + 'static,
        C: FnOnce(R) -> T + Send + 'static,
        R: 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        // Inside its caller's runtime a timer or socket made by a slip is a foreign await, as it is anywhere, and no panic.
        let runtime = Handle::try_current().ok();
        // What happens on the thread belongs to its caller's request, in logs and traces.
        let span = Span::current();
        let act = move |connection: &mut Connection| {
            let _in_span = span.enter();
            let _entered = runtime.as_ref().map(Handle::enter);
            act(connection)
        };
        let job: Box<dyn Job> = Box::new(UseCase {
            act,
            after_commit,
            answer,
            result: PhantomData,
        });
        match lane {
            Lane::Read => self.readers.enqueue(job),
            Lane::Write => self.writer.enqueue(job),
        }?;
        match outcome.await {
            Ok(Ok(outcome)) => outcome,
            // The closure panicked: its caller unwinds, as it would on PostgreSQL; nobody else notices.
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::unavailable("the database thread has ended").into()),
        }
    }
}

fn serve_reads(mut connection: Connection, waiting: &Receiver<Box<dyn Job>>, _: &Limits) {
    while let Ok(job) = waiting.recv() {
        job.read(&mut connection);
    }
}

/// More than there are.
const STATEMENTS_KEPT: usize = 512;

/// Opens a connection that may write, with the pragmas that durability and safety ask for.
pub(crate) fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
    let configure = || -> rusqlite::Result<()> {
        connection.busy_timeout(Duration::from_secs(5))?;
        switch_to_wal(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Copies of pages, by which a use case of a batch is undone: no file outside the data folder is to hold them.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // Pages that every change writes are copied out of a log of 16 MB once, where one of 4 MB would do it four times.
        connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        keep_prepared(&connection)?;
        Ok(())
    };
    configure().map_err(|error| cannot_open(path, &error))?;
    Ok(connection)
}

/// SQLite's own waiting does not cover the moment in which somebody else switches a new file.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    for _ in 0..500 {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            switched => return switched,
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL")
}

fn connect_to_read(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
    let configure = || -> rusqlite::Result<()> {
        connection.busy_timeout(Duration::from_secs(5))?;
        keep_prepared(&connection)?;
        Ok(())
    };
    configure().map_err(|error| cannot_open(path, &error))?;
    Ok(connection)
}

/// Statements are prepared once. Without a stable plan SQLite prepares one anew at each execution whose parameters it once
/// compared with the condition of a partial index.
fn keep_prepared(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> Error {
    Error::Unfit(format!(
        "cannot open the database {}: {error}",
        path.display()
    ))
}

/// Runs one statement on a connection that is inside a transaction.
pub(crate) fn run(
    connection: &mut Connection,
    statement: &'static Statement,
    values: &[Value],
) -> Result<Answer, Error> {
    // SQLite may have ended the outer transaction by itself (disk full): this statement would then commit alone.
    if connection.is_autocommit() {
        return Err(Error::unavailable(
            "the transaction was ended by the database",
        ));
    }
    execute(connection, statement, values).map_err(|error| translate(statement.name(), &error))
}

fn execute(
    connection: &Connection,
    statement: &'static Statement,
    values: &[Value],
) -> rusqlite::Result<Answer> {
    let mut prepared = connection.prepare_cached(statement.for_sqlite())?;
    let columns = prepared.column_count();
    if columns == 0 {
        let changed = prepared.execute(params_from_iter(values))?;
        return Ok(Answer {
            rows: Vec::new(),
            changed: changed as u64,
        });
    }
    let mut found = prepared.query(params_from_iter(values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(Row::from_sqlite(statement, row, columns)?);
    }
    let changed = if statement.changes() {
        rows.len() as u64
    } else {
        0
    };
    Ok(Answer { rows, changed })
}

pub(crate) fn translate(statement: &'static str, error: &rusqlite::Error) -> Error {
    let Some(code) = error.sqlite_error_code() else {
        return Error::Statement {
            statement,
            reason: error.to_string(),
        };
    };
    match code {
        // The message is «UNIQUE constraint failed: users.tenant_id, users.email_canonical».
        ErrorCode::ConstraintViolation => Error::Conflict {
            constraint: error.to_string(),
        },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Retry(error.to_string()),
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::ReadOnly
        | ErrorCode::OperationInterrupted => Error::unavailable(error),
        _ => Error::Statement {
            statement,
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::keep_prepared;
    use rusqlite::{Connection, StatementStatus};

    /// How often a statement had to be prepared anew, of ten executions.
    fn prepared_anew(connection: &Connection) -> i32 {
        let text = "SELECT a FROM t WHERE b = ?1 AND c = ?2";
        let mut statement = connection.prepare_cached(text).unwrap();
        for number in 0..10 {
            let found = statement.query_row((number, "other"), |row| row.get::<_, i64>(0));
            assert!(found.is_err());
        }
        statement.get_status(StatementStatus::RePrepare)
    }

    #[test]
    fn a_statement_is_prepared_once_though_an_index_has_a_condition() {
        let open = || {
            let connection = Connection::open_in_memory().unwrap();
            let schema = "CREATE TABLE t (a INTEGER, b INTEGER, c TEXT) STRICT;
                CREATE INDEX t_of_kind ON t (b) WHERE c = 'kind';";
            connection.execute_batch(schema).unwrap();
            connection
        };
        assert!(prepared_anew(&open()) > 5, "else this test proves nothing");
        let connection = open();
        keep_prepared(&connection).unwrap();
        assert_eq!(prepared_anew(&connection), 0);
    }
}
