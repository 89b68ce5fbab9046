//! What each kind of job does.

mod erase_user;
mod prune_expired;
mod prune_sessions;
mod purge_tenant;
mod retire_signing_key;
mod rotate_signing_key;

pub(super) use prune_sessions::RETENTION_SECONDS as SESSION_RETENTION_SECONDS;

use super::running::{JobError, RunningJob};
use keyward_model::JobKind;
use keyward_policy::Action;
use prune_expired::Expired;

/// What a job of this kind is allowed as.
pub(super) fn action_of(kind: &JobKind) -> Action {
    match kind {
        JobKind::PruneSessions {} => Action::PruneSessions,
        JobKind::PruneIdempotencyKeys {} => Action::PruneIdempotencyKeys,
        JobKind::PruneAttempts {} => Action::PruneAttempts,
        JobKind::PruneDenylist {} => Action::PruneDenylist,
        JobKind::PurgeTenant {} => Action::PurgeTenant,
        JobKind::RotateSigningKey {} => Action::RotateSigningKey,
        JobKind::RetireSigningKey { .. } => Action::RetireSigningKey,
        JobKind::EraseUser { .. } => Action::EraseUser,
    }
}

/// Does the job. Its effects in the database are there once, whatever happens to the worker; outside they may be there
/// more than once.
pub(super) async fn perform(job: &RunningJob, kind: JobKind) -> Result<(), JobError> {
    match kind {
        JobKind::PruneSessions {} => prune_sessions::run(job).await,
        JobKind::PruneIdempotencyKeys {} => prune_expired::run(job, Expired::IdempotencyKeys).await,
        JobKind::PruneAttempts {} => prune_expired::run(job, Expired::Attempts).await,
        JobKind::PruneDenylist {} => prune_expired::run(job, Expired::Denylist).await,
        JobKind::PurgeTenant {} => purge_tenant::run(job).await,
        JobKind::RotateSigningKey {} => rotate_signing_key::run(job).await,
        JobKind::RetireSigningKey { id } => retire_signing_key::run(job, id).await,
        JobKind::EraseUser { user_id } => erase_user::run(job, user_id).await,
    }
}
