//! Work that is done later: what is to be done, and how far it is.

use crate::{JobId, SigningKeyId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// How often a job is tried unless it says otherwise; with the worker's back-off that takes up to fifteen hours.
pub const ATTEMPTS_MAX_DEFAULT: i64 = 16;

/// Everything that can be done later, with what it needs to know: ids and numbers, never a secret.
///
/// It is stored as two texts, the name and the payload as JSON, so a variant that was ever released keeps both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum JobKind {
    /// Delete the tenant's sessions that ended long ago, with their refresh tokens.
    PruneSessions {},
    /// Delete the answers that were kept for requests which were to be done once, a day after.
    PruneIdempotencyKeys {},
    /// Delete counts of attempts that hold nobody back any more, and devices that are known no longer.
    PruneAttempts {},
    /// Delete the tenant with all its rows, once its time of grace is over.
    PurgeTenant {},
    /// Make the tenant's next signing key, if its time has come.
    RotateSigningKey {},
    /// Destroy a signing key whose last token has expired.
    RetireSigningKey {
        /// Which one.
        id: SigningKeyId,
    },
    /// Delete a user for good whose time of grace is over.
    EraseUser {
        /// Who it is.
        user_id: UserId,
    },
}

/// The stored name and payload are no [`JobKind`] of this binary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this binary knows no such job")]
pub struct UnknownJobKind;

/// A job that is about to be enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Names the job.
    pub id: JobId,
    /// What is to be done.
    pub kind: JobKind,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// How often it is tried before it is given up.
    pub attempts_max: i64,
    /// Of the waiting and running jobs of a tenant only one has this key; it is also how a job is found to cancel it.
    pub deduplication_key: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// For its time, or for a worker.
    Waiting,
    /// A worker has claimed it.
    Running,
    /// It was done.
    Done,
    /// It failed too often. An operator may have it tried again.
    Dead,
    /// Somebody did not want it any more.
    Cancelled,
}

/// A claim of a job: worth something only while its number is the job's latest. Whatever a job changes is committed
/// under it, so that of two workers that both believe they have the job one alone has its effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobFence {
    /// Names the job.
    pub job_id: JobId,
    /// Rises with each claim.
    pub claim: i64,
}

/// How much of a job is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// So many.
    pub done: i64,
    /// Of so many, where that is known.
    pub total: Option<i64>,
}

/// A job as it is stored, without what may be about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The tenant that it is of.
    pub tenant_id: TenantId,
    /// Names the job.
    pub id: JobId,
    /// The name of its [`JobKind`], as stored: a list also shows what a newer binary enqueued.
    pub kind: String,
    /// How far it is.
    pub state: JobState,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// How often it was claimed and not given back.
    pub attempts: i64,
    /// How often it is tried.
    pub attempts_max: i64,
    /// The number of the latest claim.
    pub claim: i64,
    /// The node that made it.
    pub claimed_by: Option<Uuid>,
    /// Until when nobody else may claim it.
    pub lease_until: Option<Timestamp>,
    /// How much of it is done.
    pub progress: Progress,
    /// Whether it is to stop.
    pub cancel_requested: bool,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it was done, given up or cancelled.
    pub finished_at: Option<Timestamp>,
    /// Counts its changes.
    pub version: i64,
}

/// A job with all that is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDetails {
    /// What a list shows.
    pub job: Job,
    /// JSON, see [`JobKind`].
    pub payload: String,
    /// See [`NewJob::deduplication_key`].
    pub deduplication_key: Option<String>,
    /// Why the last attempt failed, in a few words without secrets.
    pub last_error: Option<String>,
}

/// Which jobs are asked for; what is none matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this tenant.
    pub tenant_id: Option<TenantId>,
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
}

impl JobKind {
    /// The name as it is stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PruneSessions {} => "prune_sessions",
            Self::PruneIdempotencyKeys {} => "prune_idempotency_keys",
            Self::PruneAttempts {} => "prune_attempts",
            Self::PurgeTenant {} => "purge_tenant",
            Self::RotateSigningKey {} => "rotate_signing_key",
            Self::RetireSigningKey { .. } => "retire_signing_key",
            Self::EraseUser { .. } => "erase_user",
        }
    }

    /// The payload as it is stored: a JSON object.
    pub fn payload(&self) -> String {
        let stored = serde_json::to_value(self).unwrap_or_default();
        stored
            .get("payload")
            .map(Value::to_string)
            .unwrap_or_default()
    }

    /// Reads what is stored.
    ///
    /// # Errors
    /// [`UnknownJobKind`].
    pub fn from_stored(name: &str, payload: &str) -> Result<Self, UnknownJobKind> {
        let payload: Value = serde_json::from_str(payload).map_err(|_| UnknownJobKind)?;
        let stored = serde_json::json!({ "kind": name, "payload": payload });
        serde_json::from_value(stored).map_err(|_| UnknownJobKind)
    }
}

impl NewJob {
    /// A job for as soon as a worker is free.
    pub fn new(id: JobId, kind: JobKind, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            run_at: now,
            attempts_max: ATTEMPTS_MAX_DEFAULT,
            deduplication_key: None,
            created_at: now,
        }
    }

    /// The same, not before `run_at`.
    #[must_use]
    pub fn at(self, run_at: Timestamp) -> Self {
        Self { run_at, ..self }
    }

    /// The same with a key that no other waiting or running job of the tenant has.
    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Self {
        let deduplication_key = Some(key.into());
        Self {
            deduplication_key,
            ..self
        }
    }
}

impl JobState {
    /// The name as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for JobState {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        let known = [
            Self::Waiting,
            Self::Running,
            Self::Done,
            Self::Dead,
            Self::Cancelled,
        ];
        let mut known = known.into_iter();
        known.find(|state| state.name() == name).ok_or(())
    }
}

impl JobDetails {
    /// What is to be done.
    ///
    /// # Errors
    /// [`UnknownJobKind`] when a newer binary enqueued it.
    pub fn kind(&self) -> Result<JobKind, UnknownJobKind> {
        JobKind::from_stored(&self.job.kind, &self.payload)
    }
}

impl Job {
    /// The claim that it is under.
    pub fn fence(&self) -> JobFence {
        JobFence {
            job_id: self.id,
            claim: self.claim,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{JobKind, JobState, UnknownJobKind};
    use crate::Id;
    use uuid::Uuid;

    /// One of each: a new kind does not compile until it is here.
    fn all_kinds() -> Vec<JobKind> {
        let every = |kind: &JobKind| match kind {
            JobKind::PruneSessions {}
            | JobKind::PruneIdempotencyKeys {}
            | JobKind::PruneAttempts {}
            | JobKind::PurgeTenant {}
            | JobKind::RotateSigningKey {}
            | JobKind::RetireSigningKey { .. }
            | JobKind::EraseUser { .. } => (),
        };
        let id = Id::from_uuid(Uuid::from_u128(7));
        let user_id = Id::from_uuid(Uuid::from_u128(8));
        let kinds = vec![
            JobKind::PruneSessions {},
            JobKind::PruneIdempotencyKeys {},
            JobKind::PruneAttempts {},
            JobKind::PurgeTenant {},
            JobKind::RotateSigningKey {},
            JobKind::RetireSigningKey { id },
            JobKind::EraseUser { user_id },
        ];
        kinds.iter().for_each(every);
        kinds
    }

    #[test]
    fn a_kind_comes_back_from_what_is_stored() {
        for kind in all_kinds() {
            let back = JobKind::from_stored(kind.name(), &kind.payload());
            assert_eq!(back.as_ref(), Ok(&kind), "{}", kind.payload());
            assert!(kind.payload().starts_with('{'), "{}", kind.payload());
        }
    }

    #[test]
    fn what_another_binary_stored_is_told_apart() {
        for (name, payload) in [
            ("make_coffee", "{}"),
            ("prune_sessions", "no JSON"),
            ("prune_sessions", "[]"),
        ] {
            assert_eq!(JobKind::from_stored(name, payload), Err(UnknownJobKind));
        }
    }

    #[test]
    fn states_have_the_names_that_json_gives_them() {
        for name in ["waiting", "running", "done", "dead", "cancelled"] {
            let state: JobState = name.parse().unwrap();
            assert_eq!(serde_json::to_value(state).unwrap(), name);
        }
    }
}
