//! What only tests may do: look past the scopes, count statements, break the database on purpose.

use crate::error::Error;
use crate::meter::all_statements;
use crate::node_lease::NodeLease;
use crate::sqlite::Lane;
use crate::statement::Statement;
use crate::store::Store;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The texts of all statements as PostgreSQL gets them, by name.
pub fn statement_texts() -> Vec<(&'static str, String)> {
    all_statements()
        .map(|statement| (statement.name(), statement.for_postgres(false).into_owned()))
        .collect()
}

impl Store {
    /// How many statements there are, and the names of those that no test in this process has run on this engine.
    pub fn statement_coverage(&self) -> (usize, Vec<&'static str>) {
        let on_postgres = self.postgres().is_some();
        let missed = all_statements()
            .filter(|statement| !statement.was_executed(on_postgres))
            .map(|statement| statement.name());
        (all_statements().count(), missed.collect())
    }

    /// Prepares every statement on this engine.
    ///
    /// # Errors
    /// The first refusal, with the statement's name.
    pub async fn prepare_all(&self) -> Result<usize, Error> {
        for statement in all_statements() {
            match self.postgres() {
                Some(engine) => {
                    let lease = engine.app_lease().await?;
                    let text = statement.for_postgres(false);
                    let prepare = format!("PREPARE tried AS {text}; DEALLOCATE tried");
                    lease
                        .batch(&prepare)
                        .await
                        .map_err(|error| Error::unfit(format!("{}: {error}", statement.name())))?;
                    lease.release();
                }
                None => {
                    self.on_writer(move |connection| {
                        connection.prepare(statement.for_sqlite()).map(drop)
                    })
                    .await
                    .map_err(|error| Error::unfit(format!("{}: {error}", statement.name())))?;
                }
            }
        }
        Ok(all_statements().count())
    }

    /// How SQLite goes about every statement: its name, and the steps of its plan.
    ///
    /// # Errors
    /// [`Error::Unfit`] on PostgreSQL, [`Error::Unavailable`].
    pub async fn sqlite_plans(&self) -> Result<Vec<(&'static str, Vec<String>)>, Error> {
        self.on_writer(|connection| {
            let plan = |statement: &&'static Statement| {
                let explain = format!("EXPLAIN QUERY PLAN {}", statement.for_sqlite());
                let mut explained = connection.prepare(&explain)?;
                let steps = explained.raw_query().mapped(|row| row.get("detail"));
                Ok((statement.name(), steps.collect::<Result<_, _>>()?))
            };
            all_statements().map(plan).collect()
        })
        .await
    }

    /// Makes the node's thread stand still for so long before its next turn, as all of a stopped process does.
    pub fn stall_node(&self, length: Duration) {
        if let Some(lease) = self.node_lease() {
            set(&lease.hindrance.stall, length);
        }
    }

    /// The same within its next turn: after it has forgotten what the feed said, and before it says so.
    pub fn stall_node_within_a_turn(&self, length: Duration) {
        if let Some(lease) = self.node_lease() {
            set(&lease.hindrance.stall_within, length);
        }
    }

    /// Makes the node hear no notifications from now on.
    pub fn deafen_node(&self) {
        if let Some(lease) = self.node_lease() {
            lease.hindrance.is_deaf.store(true, Ordering::SeqCst);
        }
    }

    /// Whether memory may answer at this moment.
    pub fn has_lease(&self) -> bool {
        self.node_lease().is_some_and(NodeLease::holds)
    }

    /// Runs any SQL on SQLite's writer connection, inside its transaction.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub async fn on_writer<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let engine = self
            .sqlite()
            .ok_or_else(|| Error::unfit("this store is not SQLite"))?;
        engine
            .perform(
                Lane::Write,
                move |connection| act(connection).map_err(Error::unavailable),
                |value| value,
            )
            .await
    }
}

fn set(milliseconds: &AtomicU64, length: Duration) {
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    milliseconds.store(length, Ordering::SeqCst);
}
