//! A connection inside a transaction: the one place where a statement meets an engine.

use crate::error::{Error, Misuse};
use crate::row::Answer;
use crate::statement::Statement;
use crate::value::Value;
use crate::{postgres, sqlite};
use keyward_model::Stopwatch;

/// The connection that a transaction runs on.
pub(crate) enum Link<'a> {
    Sqlite(&'a mut rusqlite::Connection),
    Postgres(&'a postgres::Lease),
}

/// What a transaction may do, and what it did.
#[derive(Debug)]
pub(crate) struct Ledger {
    mode: Mode,
    poisoned: bool,
    changed: u64,
    recorded: u64,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// SELECTs only.
    Read,
    /// Changes, each with its event.
    Recorded,
    /// Changes of the closed list of [`crate::Housekeeping`], without one.
    Unrecorded,
}

impl Link<'_> {
    /// Runs one statement under the rules of the ledger.
    pub(crate) async fn run(
        &mut self,
        ledger: &mut Ledger,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Answer, Error> {
        ledger.admit(statement)?;
        #[cfg(feature = "testing")]
        statement.note_executed(matches!(self, Self::Postgres(_)));
        let begun = Stopwatch::start();
        let answer = match self {
            Self::Sqlite(connection) => sqlite::run(connection, statement, values),
            Self::Postgres(lease) => lease.run(statement, values).await,
        };
        statement.seconds().observe(begun.elapsed());
        ledger.note(&answer);
        answer
    }
}

impl Ledger {
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            poisoned: false,
            changed: 0,
            recorded: 0,
        }
    }

    /// Rows that were written only to be locked are no change.
    pub(crate) fn forget_changed(&mut self, rows: u64) {
        self.changed -= rows;
    }

    pub(crate) fn note_recorded(&mut self) {
        self.recorded += 1;
    }

    /// Whether the transaction may commit, now that its closure returned `Ok`.
    pub(crate) fn verdict(&self, by_operator: bool) -> Result<(), Error> {
        let misuse = if self.poisoned {
            Misuse::Poisoned
        } else if self.mode == Mode::Recorded && self.changed > 0 && self.recorded == 0 {
            Misuse::Unrecorded
        } else if by_operator && self.recorded == 0 {
            Misuse::OperatorUnrecorded
        } else {
            return Ok(());
        };
        Err(Error::Misuse(misuse))
    }

    fn admit(&mut self, statement: &'static Statement) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::Misuse(Misuse::Poisoned));
        }
        if self.mode == Mode::Read && statement.changes() {
            self.poisoned = true;
            return Err(Error::Misuse(Misuse::WriteInRead));
        }
        Ok(())
    }

    fn note(&mut self, answer: &Result<Answer, Error>) {
        match answer {
            Ok(answer) => self.changed += answer.changed,
            Err(_) => self.poisoned = true,
        }
    }
}
