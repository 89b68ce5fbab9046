//! `/operator/v1/jobs/…`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{OfInstance, PageParameters, Parameters, PathId, query_name, query_value};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{Job, JobDetails, JobFilter, JobState};
use keyward_policy::Action;
use keyward_service::jobs::{cancel_job, enter_tenant_of_job, get_job, list_jobs, retry_job};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::ToSchema;

/// Which jobs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobParameters {
    /// `waiting`, `running`, `done`, `dead` or `cancelled`.
    state: Option<String>,
    /// Of this kind, for instance `prune_sessions`.
    kind: Option<String>,
    /// Of this tenant.
    #[schema(format = "uuid")]
    tenant_id: Option<String>,
    /// How many, 1 to 200; 50 unless given.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Work that is done later.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    /// UUIDv7; sorts by time.
    id: String,
    /// The tenant that it is of.
    tenant_id: String,
    /// What is to be done.
    kind: String,
    /// `waiting`, `running`, `done`, `dead` or `cancelled`.
    #[schema(value_type = String)]
    state: JobState,
    /// Not before this moment. RFC 3339, UTC.
    #[schema(format = "date-time")]
    run_at: String,
    /// How often it was tried.
    attempts: i64,
    /// How often it is tried.
    attempts_max: i64,
    /// How much of it is done.
    progress_done: i64,
    /// Of how much, where that is known.
    progress_total: Option<i64>,
    /// Whether it is to stop.
    cancel_requested: bool,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was done, given up or cancelled.
    #[schema(format = "date-time")]
    finished_at: Option<String>,
}

/// A job with why it failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobAnswer {
    /// As it is now.
    job: JobBody,
    /// Why the last attempt failed, if one did.
    last_error: Option<String>,
}

/// A job after it was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedJobAnswer {
    /// As it is now.
    job: JobBody,
}

pub(in crate::endpoints) fn list() -> Endpoint {
    Endpoint::get("/operator/v1/jobs", Action::ListJobs)
        .of_operators()
        .summary("Lists the jobs of the instance, newest first.")
        .query::<JobParameters>()
        .gives::<PageBody<JobBody>>(StatusCode::OK)
        .handled_by(list_all)
}

pub(in crate::endpoints) fn read() -> Endpoint {
    Endpoint::get("/operator/v1/jobs/{id}", Action::ReadJob)
        .of_operators()
        .summary("Reads a job, with why its last attempt failed.")
        .gives::<JobAnswer>(StatusCode::OK)
        .handled_by(read_one)
}

pub(in crate::endpoints) fn cancel() -> Endpoint {
    Endpoint::post("/operator/v1/jobs/{id}/cancel", Action::CancelJob)
        .of_operators()
        .summary("Cancels a job: at once while it waits, else at its next step.")
        .gives::<ChangedJobAnswer>(StatusCode::OK)
        .fails_with(&[Code::WrongJobState])
        .handled_by(cancel_one)
}

pub(in crate::endpoints) fn retry() -> Endpoint {
    Endpoint::post("/operator/v1/jobs/{id}/retry", Action::RetryJob)
        .of_operators()
        .summary("Has a dead job tried again.")
        .gives::<ChangedJobAnswer>(StatusCode::OK)
        .fails_with(&[Code::WrongJobState])
        .handled_by(retry_one)
}

/// The form of a kind's name. A newer binary may have enqueued one that this one does not know.
struct KindName(String);

impl FromStr for KindName {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        match (1..=64).contains(&text.len()) && text.bytes().all(known) {
            true => Ok(Self(text.to_owned())),
            false => Err(()),
        }
    }
}

async fn list_all(
    OfInstance(cx): OfInstance,
    Parameters(parameters): Parameters<JobParameters>,
) -> Result<Json<PageBody<JobBody>>, Problem> {
    let filter = JobFilter {
        tenant_id: query_value("tenant_id", parameters.tenant_id)?,
        state: query_name("state", parameters.state)?,
        kind: query_value::<KindName>("kind", parameters.kind)?.map(|kind| kind.0),
    };
    let page = PageParameters {
        limit: parameters.limit,
        cursor: parameters.cursor,
    };
    let jobs = list_jobs(&cx, filter, page.into_request()?).await?;
    Ok(Json(jobs.map(JobBody::from).into()))
}

async fn read_one(
    OfInstance(cx): OfInstance,
    PathId(id): PathId<Job>,
) -> Result<Json<JobAnswer>, Problem> {
    let cx = enter_tenant_of_job(&cx, id).await?;
    let JobDetails {
        job, last_error, ..
    } = get_job(&cx, id).await?;
    let job = job.into();
    Ok(Json(JobAnswer { job, last_error }))
}

async fn cancel_one(
    OfInstance(cx): OfInstance,
    PathId(id): PathId<Job>,
) -> Result<Json<ChangedJobAnswer>, Problem> {
    let cx = enter_tenant_of_job(&cx, id).await?;
    let job = cancel_job(&cx, id).await?.into();
    Ok(Json(ChangedJobAnswer { job }))
}

async fn retry_one(
    OfInstance(cx): OfInstance,
    PathId(id): PathId<Job>,
) -> Result<Json<ChangedJobAnswer>, Problem> {
    let cx = enter_tenant_of_job(&cx, id).await?;
    let job = retry_job(&cx, id).await?.into();
    Ok(Json(ChangedJobAnswer { job }))
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            tenant_id: job.tenant_id.to_string(),
            kind: job.kind,
            state: job.state,
            run_at: job.run_at.to_string(),
            attempts: job.attempts,
            attempts_max: job.attempts_max,
            progress_done: job.progress.done,
            progress_total: job.progress.total,
            cancel_requested: job.cancel_requested,
            created_at: job.created_at.to_string(),
            finished_at: job.finished_at.map(|moment| moment.to_string()),
        }
    }
}
