//! A connection inside a transaction: the one place where a statement meets an engine.

use crate::error::{Error, Misuse};
use crate::postgres::Call;
use crate::row::Answer;
use crate::statement::Statement;
use crate::{postgres, sqlite};
use keyward_model::{SPANS, Stopwatch};
use tracing::{Instrument, Span};

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
    pub(crate) async fn run(&mut self, ledger: &mut Ledger, call: Call) -> Result<Answer, Error> {
        let mut answers = self.run_all(ledger, vec![call]).await?;
        answers
            .pop()
            .ok_or_else(|| Error::unavailable("a statement was not answered"))
    }

    /// Runs statements one after the other, on PostgreSQL in one exchange: none of them may need what another gave.
    pub(crate) async fn run_all(
        &mut self,
        ledger: &mut Ledger,
        calls: Vec<Call>,
    ) -> Result<Vec<Answer>, Error> {
        for call in &calls {
            self.admit(ledger, call)?;
        }
        let answers = match self {
            Self::Sqlite(connection) => calls
                .iter()
                .map(|call| {
                    let begun = Stopwatch::start();
                    let answer = span_of(call.statement, "sqlite")
                        .in_scope(|| sqlite::run(connection, call.statement, &call.values));
                    call.statement.seconds().observe(begun.elapsed());
                    answer
                })
                .collect(),
            Self::Postgres(lease) => {
                // Of statements that travel together, the last one stands for all.
                let span = calls
                    .last()
                    .map_or_else(Span::none, |call| span_of(call.statement, "postgresql"));
                lease.run(calls).instrument(span).await
            }
        };
        ledger.note(&answers);
        answers
    }

    /// Runs a change whose answer nobody waits for. On PostgreSQL it travels with what follows, COMMIT at the latest, which
    /// is then what fails with it.
    pub(crate) async fn defer(&mut self, ledger: &mut Ledger, call: Call) -> Result<(), Error> {
        let Self::Postgres(lease) = self else {
            return self.run(ledger, call).await.map(drop);
        };
        let lease = *lease;
        self.admit(ledger, &call)?;
        lease.defer(call);
        Ok(())
    }

    fn admit(&self, ledger: &mut Ledger, call: &Call) -> Result<(), Error> {
        ledger.admit(call.statement)?;
        #[cfg(feature = "testing")]
        call.statement
            .note_executed(matches!(self, Self::Postgres(_)));
        Ok(())
    }
}

/// The statement's span in a trace: its name and engine, none of its values.
fn span_of(statement: &'static Statement, engine: &'static str) -> Span {
    tracing::trace_span!(
        target: SPANS,
        "statement",
        otel.name = statement.name(),
        otel.kind = "client",
        db.system.name = engine,
        db.query.summary = statement.name(),
    )
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

    /// How many rows were changed so far, as far as that is known.
    pub(crate) fn changed(&self) -> u64 {
        self.changed
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

    fn note(&mut self, answers: &Result<Vec<Answer>, Error>) {
        match answers {
            Ok(answers) => self.changed += answers.iter().map(|answer| answer.changed).sum::<u64>(),
            Err(_) => self.poisoned = true,
        }
    }
}
