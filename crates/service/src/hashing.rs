//! Password hashing off the async threads, a bounded number at a time.

use keyward_crypto::{HashError, PasswordHasher, Verdict};
use keyward_model::{Password, PasswordHash, Random};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// How many hashes may wait for each one that runs. At 13 ms each this is a wait of under a second.
const WAITING_PER_RUNNING: usize = 64;

/// Hashes passwords, as many at once as there are cores: more would only make all of them slower and take 19 MiB each.
#[derive(Clone)]
pub struct HashPool {
    hasher: Arc<PasswordHasher>,
    running: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    inside_max: usize,
}

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// Too many wait already.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// The hash or its parameters are unusable.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The hashing thread died.
    #[error("the hashing thread ended early")]
    Ended,
}

impl HashPool {
    /// At most `running_max` hashes at once.
    pub fn new(hasher: PasswordHasher, running_max: usize) -> Self {
        let running_max = running_max.max(1);
        Self {
            hasher: Arc::new(hasher),
            running: Arc::new(Semaphore::new(running_max)),
            inside: Arc::new(AtomicUsize::new(0)),
            inside_max: running_max * (1 + WAITING_PER_RUNNING),
        }
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn hash(
        &self,
        password: Arc<Password>,
        random: Arc<dyn Random>,
    ) -> Result<PasswordHash, HashingError> {
        self.run(move |hasher| hasher.hash(&password, random.as_ref()))
            .await
    }

    /// Verifies a password; against `None` it does the same work and finds it wrong (ASVS V6.3.8).
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn verify(
        &self,
        password: Arc<Password>,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, HashingError> {
        self.run(move |hasher| match hash {
            Some(hash) => hasher.verify(&password, &hash),
            None => hasher.verify_decoy(&password).map(|()| Verdict::Wrong),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PasswordHasher) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let _place = Place::take(&self.inside, self.inside_max)?;
        let running = self
            .running
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| HashingError::Ended)?;
        let hasher = self.hasher.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let outcome = work(&hasher);
            // Held until the hash is done, also when nobody waits for it any more.
            drop(running);
            outcome
        });
        hashed
            .await
            .map_err(|_| HashingError::Ended)?
            .map_err(HashingError::Hash)
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HashPool")
            .field("inside_max", &self.inside_max)
            .finish_non_exhaustive()
    }
}

/// A place in the pool or in front of it, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(inside: &Arc<AtomicUsize>, inside_max: usize) -> Result<Self, HashingError> {
        let taken = Self(inside.clone());
        match inside.fetch_add(1, Ordering::AcqRel) < inside_max {
            true => Ok(taken),
            false => Err(HashingError::Busy),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
