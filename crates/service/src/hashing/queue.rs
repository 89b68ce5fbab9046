//! The queue in front of the threads that hash, and the threads.

use super::{HashLimits, HashingError};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};
use keyward_crypto::{HashMemory, PasswordHasher};
use keyward_model::Clock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

/// How many may wait at all: what they present takes memory, too.
const WAITING_MAX: usize = 4_096;
/// What a hash is taken to last before one was measured.
const FIRST_GUESS: Duration = Duration::from_millis(15);
/// A thread that had nothing to do for so long gives its memory back.
const KEPT_WHEN_IDLE: Duration = Duration::from_secs(10);

/// When no thread has finished a hash for so long though some wait, others keep the cores to themselves.
const STARVED_AFTER: Duration = Duration::from_millis(500);
/// How much less of a core the thread for that case asks for than others do, 0 to 19: at 10, a tenth of one that is wanted.
const RELIEF_NICENESS: i32 = 10;

/// What a job that comes to its turn is to do.
pub(super) enum Turn<'a> {
    /// Hash.
    Work(&'a PasswordHasher, &'a mut HashMemory),
    /// It has waited for too long.
    Refuse { retry_after: Duration },
}

/// What a job did with its turn.
#[derive(PartialEq, Eq)]
pub(super) enum Effort {
    /// It hashed: how long that took tells what others may expect.
    OneHash,
    /// Nothing that takes time.
    None,
}

/// One password to hash.
pub(super) type Job = Box<dyn FnOnce(Turn<'_>) -> Effort + Send>;

/// The queue with its threads. Dropped, it ends them after what they work on.
pub(super) struct Queue {
    jobs: Option<Sender<Queued>>,
    /// Rung for the thread that watches over the others.
    bell: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    pace: Arc<Pace>,
}

struct Queued {
    job: Job,
    since: Duration,
}

/// How fast the queue moves.
struct Pace {
    limits: HashLimits,
    clock: Arc<dyn Clock>,
    /// What a hash lasts, on average over the last ones, in microseconds.
    hash_micros: AtomicU64,
    /// How many hashes the threads have finished that stand back.
    finished: AtomicU64,
}

impl Queue {
    pub(super) fn start(
        hasher: PasswordHasher,
        limits: HashLimits,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let (jobs, queued) = bounded(WAITING_MAX);
        let hasher = Arc::new(hasher);
        let pace = Arc::new(Pace {
            limits,
            clock,
            hash_micros: AtomicU64::new(FIRST_GUESS.as_micros() as u64),
            finished: AtomicU64::new(0),
        });
        let start_one = |_| {
            let (queued, hasher, pace) = (queued.clone(), hasher.clone(), pace.clone());
            std::thread::Builder::new()
                .name("hash-passwords".to_owned())
                .spawn(move || serve(&queued, &hasher, &pace))
        };
        let mut threads = (0..limits.threads.max(1))
            .map(start_one)
            .collect::<Result<Vec<_>, _>>()?;
        let (bell, rung) = bounded(1);
        let watch = {
            let (queued, pace) = (queued.clone(), pace.clone());
            move || relieve(&rung, &queued, &hasher, &pace)
        };
        let relief = std::thread::Builder::new().name("hash-relief".to_owned());
        threads.push(relief.spawn(watch)?);
        Ok(Self {
            jobs: Some(jobs),
            bell: Some(bell),
            threads,
            pace,
        })
    }

    pub(super) fn limits(&self) -> HashLimits {
        self.pace.limits
    }

    /// How many wait.
    pub(super) fn length(&self) -> usize {
        self.jobs.as_ref().map_or(0, Sender::len)
    }

    /// Lets a job wait for its turn, unless it would wait for too long.
    pub(super) fn enqueue(&self, job: Job) -> Result<(), HashingError> {
        let jobs = self.jobs.as_ref().ok_or(HashingError::Ended)?;
        let wait = self.pace.expected_wait(jobs.len());
        if wait > self.pace.limits.wait_max {
            return Err(HashingError::Busy { retry_after: wait });
        }
        let since = self.pace.clock.monotonic();
        jobs.try_send(Queued { job, since })
            .map_err(|refused| match refused {
                TrySendError::Full(_) => HashingError::Busy { retry_after: wait },
                TrySendError::Disconnected(_) => HashingError::Ended,
            })?;
        // One that has not been heard yet is enough.
        self.bell.as_ref().map(|bell| bell.try_send(()));
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.jobs = None;
        self.bell = None;
        for thread in self.threads.drain(..) {
            // What is still queued has lost its callers, who held this queue: the threads pass over it.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Pace {
    /// How long whoever comes now will wait behind `waiting` others.
    fn expected_wait(&self, waiting: usize) -> Duration {
        let hash_micros = self.hash_micros.load(Ordering::Relaxed);
        let turns = waiting.div_ceil(self.limits.threads.max(1)) as u64;
        Duration::from_micros(hash_micros.saturating_mul(turns))
    }

    /// Takes a new measurement in, for an eighth.
    fn note(&self, took: Duration) {
        let before = self.hash_micros.load(Ordering::Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 8);
        // Two threads at once lose one measurement, which is one of many.
        let after = before - before / 8 + took / 8;
        self.hash_micros.store(after, Ordering::Relaxed);
    }
}

/// Works until the queue is closed.
fn serve(queued: &Receiver<Queued>, hasher: &PasswordHasher, pace: &Pace) {
    stand_back();
    let mut memory = HashMemory::new();
    while let Some(next) = wait(queued, &mut memory) {
        if take_turn(next, pace, hasher, &mut memory) == Effort::OneHash {
            pace.finished.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Works in place of the threads that stand back, while other programs or a busy server leave them nothing: else nobody could
/// sign in. One thread, so that whoever keeps the cores busy hardly notices.
fn relieve(rung: &Receiver<()>, queued: &Receiver<Queued>, hasher: &PasswordHasher, pace: &Pace) {
    if let Err(error) = rustix::process::setpriority_process(None, RELIEF_NICENESS) {
        tracing::warn!(%error, "hashing could not be given a lower priority");
    }
    let finished = || pace.finished.load(Ordering::Relaxed);
    let mut memory = HashMemory::new();
    while rung.recv().is_ok() {
        while !queued.is_empty() {
            let before = finished();
            if is_over(rung) {
                return;
            }
            while finished() == before
                && let Ok(next) = queued.try_recv()
            {
                take_turn(next, pace, hasher, &mut memory);
            }
        }
        memory.give_back();
    }
}

/// Lets the others have their time; whether they are over.
fn is_over(rung: &Receiver<()>) -> bool {
    std::thread::sleep(STARVED_AFTER);
    matches!(rung.try_recv(), Err(TryRecvError::Disconnected))
}

/// Lets every other thread of the process's group go first (`SCHED_IDLE`, sched(7)): one that wakes up takes the core at
/// once. Niceness alone does not do that: a nice thread gets less of a core, but keeps it until its slice of some milliseconds
/// is over.
fn stand_back() {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = set {
        tracing::warn!(?error, "hashing could not be given a lower priority");
    }
}

/// The next job; none when there will be no more.
fn wait(queued: &Receiver<Queued>, memory: &mut HashMemory) -> Option<Queued> {
    match queued.recv_timeout(KEPT_WHEN_IDLE) {
        Ok(next) => Some(next),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            memory.give_back();
            queued.recv().ok()
        }
    }
}

fn take_turn(
    next: Queued,
    pace: &Pace,
    hasher: &PasswordHasher,
    memory: &mut HashMemory,
) -> Effort {
    let begun = pace.clock.monotonic();
    let waited = begun.saturating_sub(next.since);
    let turn = match waited > pace.limits.wait_max {
        true => Turn::Refuse {
            retry_after: waited,
        },
        false => Turn::Work(hasher, memory),
    };
    // A panic ends one hash and not the thread; its caller hears that it ended.
    let effort = catch_unwind(AssertUnwindSafe(|| (next.job)(turn))).unwrap_or(Effort::None);
    if effort == Effort::OneHash {
        pace.note(pace.clock.monotonic().saturating_sub(begun));
    }
    effort
}

#[cfg(test)]
mod tests;
