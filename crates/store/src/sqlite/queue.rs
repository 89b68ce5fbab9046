//! A bounded queue and the threads that serve it.

use super::job::Job;
use crate::error::Error;
use crate::meter::StoreMeter;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::Connection;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A queue with its threads. Dropping it lets the queued work finish and ends them.
pub(super) struct Queue {
    sender: Option<Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

/// How long a queue and its batches may be, and who counts them.
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) length_max: usize,
    pub(super) batch_length_max: usize,
    pub(super) meter: Arc<StoreMeter>,
}

/// What a thread does with its connection until the queue is closed and empty.
pub(super) type Serve = fn(Connection, &Receiver<Box<dyn Job>>, &Limits);

impl Queue {
    /// Starts a thread for each connection.
    pub(super) fn start(
        name: &str,
        connections: Vec<Connection>,
        limits: &Limits,
        serve: Serve,
    ) -> Result<Self, Error> {
        let (sender, receiver) = bounded(limits.length_max.max(1));
        let start_one = |connection| {
            let (receiver, limits) = (receiver.clone(), limits.clone());
            let run = move || serve(connection, &receiver, &limits);
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(run)
                .map_err(Error::unfit)
        };
        let threads = connections
            .into_iter()
            .map(start_one)
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            sender: Some(sender),
            threads,
        })
    }

    /// How many wait.
    pub(super) fn length(&self) -> usize {
        self.sender.as_ref().map_or(0, Sender::len)
    }

    pub(super) fn enqueue(&self, job: Box<dyn Job>) -> Result<(), Error> {
        let Some(sender) = &self.sender else {
            return Err(Error::unavailable("the store is closed"));
        };
        sender.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::unavailable("too many requests wait for the database"),
            TrySendError::Disconnected(_) => Error::unavailable("the database thread has ended"),
        })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.sender = None;
        for thread in self.threads.drain(..) {
            // A closure may have held the last clone of the store: its thread ends by itself, it cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}
