//! `keyward job …`

use super::{parsed, query_of, report};
use crate::command_line::{Global, JobList, OneJob};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Ask, ask};
use crate::output::{print_object, print_page};
use axum::http::Method;
use keyward_model::JobId;
use serde_json::Value;

pub(super) async fn list(config: &Config, list: JobList, global: &Global) -> Result<(), Failure> {
    let mut path = format!("/operator/v1/jobs{}", query_of(&list.what.page)?);
    if let Some(state) = &list.state {
        let is_word = state.bytes().all(|byte| byte.is_ascii_lowercase());
        match is_word {
            true => path.push_str(&format!("&state={state}")),
            false => return Err(Failure::Usage(format!("--state {state}: no such state"))),
        }
    }
    let jobs = ask(config, global, Ask::get(path, list.what.why, "job list")).await?;
    let columns = ["id", "kind", "state", "run_at", "attempts", "tenant_id"];
    Ok(print_page(&jobs, &columns, global.json)?)
}

pub(super) async fn show(config: &Config, job: OneJob, global: &Global) -> Result<(), Failure> {
    let path = path_of(&job, "")?;
    let request = Ask::get(path, job.why, "job show").or_say(missing(&job.id));
    let answer = ask(config, global, request).await?;
    let mut shown = answer["job"].clone();
    if let Value::String(error) = &answer["last_error"] {
        shown["last_error"] = Value::String(error.clone());
    }
    Ok(print_object(&shown, global.json)?)
}

pub(super) async fn cancel(config: &Config, job: OneJob, global: &Global) -> Result<(), Failure> {
    act(config, job, global, "cancel").await
}

pub(super) async fn retry(config: &Config, job: OneJob, global: &Global) -> Result<(), Failure> {
    act(config, job, global, "retry").await
}

async fn act(config: &Config, job: OneJob, global: &Global, act: &str) -> Result<(), Failure> {
    let path = path_of(&job, &format!("/{act}"))?;
    let request = Ask::new(Method::POST, path, job.why, &format!("job {act}"));
    let answer = ask(config, global, request.or_say(missing(&job.id))).await?;
    let changed = &answer["job"];
    let state = changed["state"].as_str().unwrap_or_default();
    let line = match (state, changed["cancel_requested"].as_bool()) {
        ("running", Some(true)) => format!("The job {} stops at its next step.", job.id),
        _ => format!("The job {} is {state}.", job.id),
    };
    report(global, &line, changed.clone())
}

fn path_of(job: &OneJob, rest: &str) -> Result<String, Failure> {
    let id: JobId = parsed(&job.id, "the job's id")?;
    Ok(format!("/operator/v1/jobs/{id}{rest}"))
}

fn missing(id: &str) -> String {
    format!("there is no job {id}; see `keyward job list`")
}
