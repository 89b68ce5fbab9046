//! What the events of jobs say of themselves.

use super::description::{Description, Outcome, Target};
use crate::{Job, JobId};
use serde_json::json;

pub(super) fn describe_cancelled(job: &Job) -> Description {
    about(job, "job.cancelled").detail("state", json!(job.state))
}

pub(super) fn describe_retried(job: &Job) -> Description {
    about(job, "job.retried")
}

pub(super) fn describe_died(job: &Job, error: &str) -> Description {
    Description {
        outcome: Outcome::Failure,
        ..about(job, "job.died")
    }
    .detail("attempts", json!(job.attempts))
    .detail("error", json!(error))
}

pub(super) fn describe_pruned(job_id: JobId, count: u64) -> Description {
    Description::success("session.pruned", Target::of("session"))
        .detail("job_id", json!(job_id))
        .detail("count", json!(count))
}

fn about(job: &Job, kind: &'static str) -> Description {
    let target = Target {
        kind: "job",
        id: Some(job.id.uuid()),
    };
    Description::success(kind, target)
        .version(job.version)
        .detail("kind", json!(job.kind))
}
