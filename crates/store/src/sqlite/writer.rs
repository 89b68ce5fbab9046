//! The writer thread: many use cases share one durable commit.

use super::job::{Job, Settled};
use super::queue::Limits;
use crate::error::Error;
use crossbeam_channel::Receiver;
use keyward_model::Stopwatch;
use rusqlite::Connection;

/// Serves the queue of writers: a batch after the other, each with one commit.
pub(super) fn serve(mut connection: Connection, waiting: &Receiver<Box<dyn Job>>, limits: &Limits) {
    let (meter, batch_length_max) = (&limits.meter.sqlite, limits.batch_length_max.max(1));
    while let Ok(first) = waiting.recv() {
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            first.refuse(Error::unavailable(error));
            continue;
        }
        let batch = run_batch(&mut connection, first, waiting, batch_length_max);
        meter.batch_lengths.observe_length(batch.len());
        let begun = Stopwatch::start();
        let verdict = end_batch(&connection, batch.iter().any(|settled| settled.broke_batch));
        meter.commit_seconds.observe(begun.elapsed());
        if let Err(error) = &verdict {
            tracing::error!(%error, use_cases = batch.len(), "a batch of changes was not committed");
        }
        // Each forgets what its events say is over, and only then answers.
        for settled in batch {
            settled.answer(verdict.as_ref().copied().map_err(Error::again));
        }
    }
}

/// Runs the first use case and those that wait behind it, until none waits, the batch is full, or one broke it.
fn run_batch(
    connection: &mut Connection,
    first: Box<dyn Job>,
    waiting: &Receiver<Box<dyn Job>>,
    length_max: usize,
) -> Vec<Settled> {
    let mut batch = vec![first.run_in_savepoint(connection)];
    while batch.len() < length_max && !batch.last().is_some_and(|settled| settled.broke_batch) {
        match waiting.try_recv() {
            Ok(job) => batch.push(job.run_in_savepoint(connection)),
            Err(_) => break,
        }
    }
    batch
}

fn end_batch(connection: &Connection, broken: bool) -> Result<(), Error> {
    let committed =
        match broken {
            true => Err(Error::unavailable("the database ended the transaction")),
            // A COMMIT that failed and left no transaction behind may or may not be in the file.
            false => connection.execute_batch("COMMIT").map_err(|error| {
                match connection.is_autocommit() {
                    true => Error::OutcomeUnknown(error.to_string()),
                    false => Error::unavailable(error),
                }
            }),
        };
    if committed.is_err() && !connection.is_autocommit() {
        // If this fails as well the next BEGIN does too, and its callers are refused until it works again.
        let _ = connection.execute_batch("ROLLBACK");
    }
    committed
}
