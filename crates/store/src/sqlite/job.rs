//! A use case on its way to a database thread, and what becomes of it there.

use crate::error::Error;
use rusqlite::Connection;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use tokio::sync::oneshot;

/// A use case that waits for a database thread.
pub(super) trait Job: Send {
    /// Runs inside an open transaction, in a savepoint of its own. Nobody is answered yet.
    fn run_in_savepoint(self: Box<Self>, connection: &mut Connection) -> Settled;

    /// Runs in a read transaction of its own and answers.
    fn read(self: Box<Self>, connection: &mut Connection);

    /// Answers that it was never run.
    fn refuse(self: Box<Self>, error: Error);
}

/// A use case that ran and now waits for its batch.
pub(super) struct Settled {
    /// The outer transaction is gone or beyond repair: the whole batch fails.
    pub(super) broke_batch: bool,
    answer: Box<dyn FnOnce(Result<(), Error>)>,
}

impl Settled {
    /// Answers its caller: with its own outcome if the batch stands, else with the batch's error. An outcome that is an
    /// error may rest on a neighbour's row, so it waits for the commit as well.
    pub(super) fn answer(self, batch: Result<(), Error>) {
        (self.answer)(batch);
    }
}

/// A use case: what it does, what follows once that is committed, and whom it answers.
pub(super) struct UseCase<R, T, E, A, C> {
    pub(super) act: A,
    pub(super) after_commit: C,
    pub(super) answer: oneshot::Sender<thread::Result<Result<T, E>>>,
    pub(super) result: PhantomData<fn() -> R>,
}

impl<R, T, E, A, C> Job for UseCase<R, T, E, A, C>
where
    A: FnOnce(&mut Connection) -> Result<R, E> + Send,
    C: FnOnce(R) -> T + Send + 'static,
    R: 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn run_in_savepoint(self: Box<Self>, connection: &mut Connection) -> Settled {
        let Self {
            act,
            after_commit,
            answer,
            result: _,
        } = *self;
        let (outcome, broke_batch) = match begin_savepoint(connection) {
            Err(error) => (Ok(Err(E::from(error))), true),
            Ok(()) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| act(connection)));
                let keep = matches!(outcome, Ok(Ok(_)));
                let ended = end_savepoint(connection, keep);
                (outcome, ended.is_err())
            }
        };
        let answer = move |batch: Result<(), Error>| {
            let outcome = match batch {
                Ok(()) => outcome.map(|outcome| outcome.map(after_commit)),
                Err(error) => Ok(Err(E::from(error))),
            };
            // A caller that went away is no failure: the change stands, and its record with it.
            let _ = answer.send(outcome);
        };
        Settled {
            broke_batch,
            answer: Box::new(answer),
        }
    }

    fn read(self: Box<Self>, connection: &mut Connection) {
        let Self {
            act,
            after_commit,
            answer,
            result: _,
        } = *self;
        let outcome = match run_kept(connection, "BEGIN") {
            Err(error) => Ok(Err(E::from(error))),
            Ok(()) => catch_unwind(AssertUnwindSafe(|| act(connection).map(after_commit))),
        };
        // Nothing was changed, so there is nothing that ending the transaction could lose.
        let _ = run_kept(connection, "ROLLBACK");
        let _ = answer.send(outcome);
    }

    fn refuse(self: Box<Self>, error: Error) {
        let _ = self.answer.send(Ok(Err(E::from(error))));
    }
}

fn begin_savepoint(connection: &Connection) -> Result<(), Error> {
    // Outside a transaction SAVEPOINT would begin one, and its RELEASE would commit it.
    if connection.is_autocommit() {
        return Err(Error::unavailable(
            "the transaction was ended by the database",
        ));
    }
    run_kept(connection, "SAVEPOINT use_case")
}

fn end_savepoint(connection: &Connection, keep: bool) -> Result<(), Error> {
    if connection.is_autocommit() {
        return Err(Error::unavailable(
            "the transaction was ended by the database",
        ));
    }
    if !keep {
        run_kept(connection, "ROLLBACK TO use_case")?;
    }
    run_kept(connection, "RELEASE use_case")
}

/// Runs a text that each use case runs: it is compiled once a connection.
fn run_kept(connection: &Connection, text: &'static str) -> Result<(), Error> {
    let mut prepared = connection
        .prepare_cached(text)
        .map_err(Error::unavailable)?;
    prepared.execute([]).map(drop).map_err(Error::unavailable)
}
