//! Password hashing on threads of its own: few, of low priority, behind a queue that nobody stands in for long.
//!
//! Why not tokio's: hashing would take the processor from requests that only read, and each of its many threads would want
//! 19 MiB. Here each thread keeps its memory between hashes and gives it back when there is nothing to do.

mod queue;

use crate::meter::{HashMeter, HashReading};
use crate::presence::Presence;
use keyward_crypto::{HashError, HashMemory, PasswordHasher, Verdict};
use keyward_model::{Clock, Password, PasswordHash, Random, SPANS, Stopwatch};
use queue::{Effort, Queue, Turn};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::Instrument;

/// How much is hashed at once, and how long a password may wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashLimits {
    /// How many hashes are worked at once; each takes the memory that a hash costs.
    pub threads: usize,
    /// Whoever has waited longer is refused, and so is at once whoever would.
    pub wait_max: Duration,
}

/// Hashes passwords. Cheap to clone; the last clone ends the threads.
#[derive(Clone)]
pub struct HashPool {
    queue: Arc<Queue>,
    meter: Arc<HashMeter>,
}

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// Too many wait already.
    #[error("too many passwords wait to be hashed")]
    Busy {
        /// When there may be room again.
        retry_after: Duration,
    },
    /// Nobody waits for it any more.
    #[error("the client has gone away")]
    Abandoned,
    /// The hash or its parameters are unusable.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The hashing thread died.
    #[error("the hashing thread ended early")]
    Ended,
}

impl HashPool {
    /// Starts the threads. None of them has memory yet.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        hasher: PasswordHasher,
        limits: HashLimits,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::start(hasher, limits, clock)?);
        let meter = Arc::default();
        Ok(Self { queue, meter })
    }

    /// Hashes a new password: also when its client has hung up, since a change runs to its end.
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn hash(
        &self,
        password: Arc<Password>,
        random: Arc<dyn Random>,
    ) -> Result<PasswordHash, HashingError> {
        self.run(Presence::default(), move |hasher, memory| {
            hasher.hash(&password, random.as_ref(), memory)
        })
        .await
    }

    /// Verifies a password; against `None` it does the same work and finds it wrong (ASVS V6.3.8). For whoever is
    /// no longer present nothing is done: they would get none of what they sign in for.
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn verify(
        &self,
        password: Arc<Password>,
        hash: Option<PasswordHash>,
        presence: Presence,
    ) -> Result<Verdict, HashingError> {
        self.run(presence, move |hasher, memory| match hash {
            Some(hash) => hasher.verify(&password, &hash, memory),
            None => hasher
                .verify_decoy(&password, memory)
                .map(|()| Verdict::Wrong),
        })
        .await
    }

    /// What was counted so far.
    pub(crate) fn reading(&self) -> HashReading {
        self.meter.read(self.queue.length())
    }

    async fn run<T: Send + 'static>(
        &self,
        presence: Presence,
        work: impl FnOnce(&PasswordHasher, &mut HashMemory) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let (answer, answered) = oneshot::channel();
        let (meter, enqueued) = (self.meter.clone(), Stopwatch::start());
        let admitted = self.queue.enqueue(Box::new(move |turn| {
            let (outcome, effort) = match turn {
                Turn::Refuse { retry_after } => {
                    meter.refused.increment();
                    (Err(HashingError::Busy { retry_after }), Effort::None)
                }
                // Whoever has hung up is not worked for.
                Turn::Work(..) if presence.is_over() || answer.is_closed() => {
                    (Err(HashingError::Abandoned), Effort::None)
                }
                Turn::Work(hasher, memory) => {
                    meter.wait_seconds.observe(enqueued.elapsed());
                    let begun = Stopwatch::start();
                    let outcome = work(hasher, memory).map_err(HashingError::Hash);
                    meter.work_seconds.observe(begun.elapsed());
                    (outcome, Effort::OneHash)
                }
            };
            // Whoever went away meanwhile does not want it.
            let _ = answer.send(outcome);
            effort
        }));
        admitted.inspect_err(|_| self.meter.refused.increment())?;
        // The wait is in it: that is what a slow sign-in asks about.
        let span = tracing::trace_span!(target: SPANS, "hash_password");
        let answered = answered.instrument(span).await;
        answered.unwrap_or(Err(HashingError::Ended))
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HashPool")
            .field("limits", &self.queue.limits())
            .finish_non_exhaustive()
    }
}
