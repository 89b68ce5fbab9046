//! Destroys a signing key whose last token has expired.

use crate::jobs::running::{JobError, RunningJob};
use crate::signing_keys::retire_signing_key;
use keyward_model::SigningKeyId;

pub(super) async fn run(job: &RunningJob, id: SigningKeyId) -> Result<(), JobError> {
    if retire_signing_key(&job.cx(), id, job.fence()).await? {
        tracing::info!(key = %id, "a signing key was retired");
    }
    Ok(())
}
