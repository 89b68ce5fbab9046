//! Gives a tenant's signing key its successor when the time has come.

use crate::jobs::running::{JobError, RunningJob};
use crate::signing_keys::{SigningKeyError, rotate_when_due};

pub(super) async fn run(job: &RunningJob) -> Result<(), JobError> {
    let successor = rotate_when_due(&job.cx(), job.fence()).await?;
    if let Some(key) = successor {
        tracing::info!(key = %key.id, signs_from = %key.signs_from, "a signing key got a successor");
    }
    Ok(())
}

impl From<SigningKeyError> for JobError {
    fn from(error: SigningKeyError) -> Self {
        match error {
            SigningKeyError::Store(error) => Self::Store(error),
            SigningKeyError::Denied(denied) => Self::Denied(denied),
            other => Self::Failed(other.to_string()),
        }
    }
}
