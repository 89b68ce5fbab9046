//! What the use cases count, for whoever watches the server. Names come from closed lists: no id and no text of a user.

use keyward_model::{
    AttemptScope, Counter, Event, EventRecord, Factor, Histogram, HistogramReading, SignInFailure,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The meters of the use cases.
#[derive(Debug, Default)]
pub(crate) struct ServiceMeter {
    /// By kind and outcome. A lock and no atomics: each entry stands for a committed transaction, which costs a thousand times more.
    events: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    sign_ins: Mutex<BTreeMap<&'static str, u64>>,
    job_attempts: Mutex<BTreeMap<(String, &'static str), u64>>,
    throttled: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

/// How many kinds of jobs are counted apart. Their names are stored by this binary or another of Keyward, so that there are
/// far fewer; this is for a database that somebody else wrote to.
const JOB_KINDS_MAX: usize = 64;

/// The meters of the threads that hash passwords.
#[derive(Debug)]
pub(crate) struct HashMeter {
    pub(crate) wait_seconds: Histogram,
    pub(crate) work_seconds: Histogram,
    pub(crate) refused: Counter,
}

/// What an event counts as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    kind: &'static str,
    outcome: &'static str,
    sign_in: Option<&'static str>,
}

/// What the use cases counted so far.
#[derive(Debug, Clone)]
pub struct ServiceReading {
    /// Committed events: kind, outcome, how many.
    pub events: Vec<(&'static str, &'static str, u64)>,
    /// Attempts at jobs: kind, how they ended, how many.
    pub job_attempts: Vec<(String, &'static str, u64)>,
    /// Sign-ins: how they ended, how many.
    pub sign_ins: Vec<(&'static str, u64)>,
    /// Attempts at credentials that were one too many: at what, which window was full, how many.
    pub throttled: Vec<(&'static str, &'static str, u64)>,
    /// The hashing of passwords.
    pub hashing: HashReading,
}

/// What the threads that hash passwords counted so far.
#[derive(Debug, Clone)]
pub struct HashReading {
    /// How many passwords wait.
    pub waiting: usize,
    /// How long passwords waited before they were hashed.
    pub wait_seconds: HistogramReading,
    /// How long hashes took.
    pub work_seconds: HistogramReading,
    /// How many were refused because too many waited.
    pub refused: u64,
}

impl Default for HashMeter {
    fn default() -> Self {
        Self {
            wait_seconds: Histogram::of_durations(),
            work_seconds: Histogram::of_durations(),
            refused: Counter::new(),
        }
    }
}

impl HashMeter {
    pub(crate) fn read(&self, waiting: usize) -> HashReading {
        HashReading {
            waiting,
            wait_seconds: self.wait_seconds.read(),
            work_seconds: self.work_seconds.read(),
            refused: self.refused.value(),
        }
    }
}

impl Tally {
    pub(crate) fn of(event: &Event, record: &EventRecord) -> Self {
        let sign_in = match event {
            Event::SessionOpened { .. } => Some("success"),
            Event::SignInRefused { reason, .. } => Some(match reason {
                SignInFailure::UnknownUser => "unknown_user",
                SignInFailure::WrongPassword => "wrong_password",
                SignInFailure::Disabled => "disabled",
                SignInFailure::Invited => "invited",
                SignInFailure::Deleting => "deleting",
                SignInFailure::ChangedMeanwhile => "changed_meanwhile",
                SignInFailure::TooManySessions => "too_many_sessions",
            }),
            _ => None,
        };
        Self {
            kind: record.kind,
            outcome: record.outcome.name(),
            sign_in,
        }
    }
}

impl ServiceMeter {
    /// Counts what was committed.
    pub(crate) fn note(&self, tallies: &[Tally]) {
        for tally in tallies {
            *lock(&self.events)
                .entry((tally.kind, tally.outcome))
                .or_default() += 1;
            if let Some(outcome) = tally.sign_in {
                *lock(&self.sign_ins).entry(outcome).or_default() += 1;
            }
        }
    }

    /// Counts an attempt at a job.
    pub(crate) fn note_attempt(&self, kind: &str, outcome: &'static str) {
        let mut attempts = lock(&self.job_attempts);
        let known = attempts.len() < JOB_KINDS_MAX || attempts.keys().any(|key| key.0 == kind);
        let kind = if known { kind } else { "other" };
        *attempts.entry((kind.to_owned(), outcome)).or_default() += 1;
    }

    /// Counts an attempt that was one too many. It leaves no other trace: what is refused for being too much must not fill
    /// the log of events.
    pub(crate) fn note_throttled(&self, factor: Factor, scope: AttemptScope) {
        *lock(&self.throttled)
            .entry((factor.name(), scope.name()))
            .or_default() += 1;
    }

    pub(crate) fn read(&self, hashing: HashReading) -> ServiceReading {
        let throttled = lock(&self.throttled);
        let job_attempts = lock(&self.job_attempts);
        let events = lock(&self.events);
        let sign_ins = lock(&self.sign_ins);
        ServiceReading {
            events: events
                .iter()
                .map(|((kind, outcome), count)| (*kind, *outcome, *count))
                .collect(),
            job_attempts: job_attempts
                .iter()
                .map(|((kind, outcome), count)| (kind.clone(), *outcome, *count))
                .collect(),
            sign_ins: sign_ins
                .iter()
                .map(|(outcome, count)| (*outcome, *count))
                .collect(),
            throttled: throttled
                .iter()
                .map(|((factor, scope), count)| (*factor, *scope, *count))
                .collect(),
            hashing,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
