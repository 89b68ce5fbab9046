//! A job under a worker: its way into the tenant, and how an attempt ends.

use super::back_off::back_off;
use super::kinds;
use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use crate::platform::Platform;
use keyward_model::{Event, JobDetails, JobFence, JobKind, Progress};
use keyward_policy::{Action, Denied};
use keyward_store::{ClaimedJob, Error, ReturnedJob};

/// Why an attempt ended with the job not done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It may work another time. The words are shown to operators and hold no secret.
    #[error("{0}")]
    Failed(String),
    /// It will never work. The words are shown to operators and hold no secret.
    #[error("{0}")]
    Hopeless(String),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed, or said that the claim was lost or the job cancelled.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A job that this node has claimed.
#[derive(Debug, Clone)]
pub(crate) struct RunningJob {
    platform: Platform,
    claimed: ClaimedJob,
    action: Action,
    progress: Progress,
}

impl RunningJob {
    pub(super) fn new(platform: &Platform, claimed: ClaimedJob) -> Self {
        Self {
            platform: platform.clone(),
            claimed,
            action: Action::EndJob,
            progress: Progress::default(),
        }
    }

    /// A context of this moment, for one transaction or several. What they change is committed only while the claim is the
    /// job's latest and nobody cancelled it.
    pub(crate) fn cx(&self) -> Cx {
        Cx::for_job(&self.platform, &self.claimed, self.action)
    }

    /// What the job is allowed as.
    pub(crate) fn action(&self) -> Action {
        self.action
    }

    /// The claim, for `note_job_progress` and `complete_job`.
    pub(crate) fn fence(&self) -> JobFence {
        self.claimed.fence
    }

    /// How far the attempts before this one came.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    pub(super) fn claimed(&self) -> &ClaimedJob {
        &self.claimed
    }

    /// Makes one attempt, without ending it.
    pub(super) async fn attempt(&self) -> Result<(), JobError> {
        // Each claim counts, so a job that takes its workers down with it comes to an end as well.
        if self.claimed.attempts > self.claimed.attempts_max {
            return Err(JobError::Hopeless("its workers were lost".to_owned()));
        }
        let (kind, progress) = self.read_kind().await?;
        let action = kinds::action_of(&kind);
        let job = Self {
            action,
            progress,
            ..self.clone()
        };
        kinds::perform(&job, kind).await
    }

    async fn read_kind(&self) -> Result<(JobKind, Progress), JobError> {
        let id = self.fence().job_id;
        let cx = self.cx();
        let found: Option<JobDetails> = cx.prepare(async move |tx| tx.find_job(id).await).await?;
        let details = found.ok_or(Error::ClaimLost)?;
        let kind = details.kind();
        let kind = kind.map_err(|unknown| JobError::Hopeless(unknown.to_string()))?;
        Ok((kind, details.job.progress))
    }

    /// Ends the attempt by its outcome. What cannot be written now is left to whoever claims the job when its lease ends.
    pub(super) async fn settle(&self, outcome: Result<(), JobError>) {
        let ended = match &outcome {
            Ok(()) => "done",
            Err(JobError::Store(Error::ClaimLost)) => "claim_lost",
            Err(JobError::Store(Error::JobCancelled)) => "cancelled",
            Err(JobError::Hopeless(_)) => "hopeless",
            Err(_) => "failed",
        };
        self.platform
            .meter()
            .note_attempt(&self.claimed.kind, ended);
        let settled = match outcome {
            Ok(()) => self.complete().await,
            Err(JobError::Store(Error::ClaimLost)) => Ok(()),
            Err(JobError::Store(Error::JobCancelled)) => self.give_back().await,
            Err(JobError::Hopeless(reason)) => self.bury(reason).await,
            Err(error) => self.fail(&error).await,
        };
        if let Err(error) = settled {
            let job_id = self.fence().job_id;
            tracing::warn!(%job_id, %error, "the end of a job's attempt could not be written");
        }
    }

    /// Gives the claim back as if it had not been: the worker stops, or the job is cancelled.
    pub(super) async fn give_back(&self) -> Result<(), Error> {
        let now = self.platform.now();
        let returned = ReturnedJob {
            now,
            run_at: now,
            error: None,
        };
        let store = self.platform.store();
        store.return_job(&self.claimed, returned).await.map(drop)
    }

    /// It may have been completed in its last transaction, or have deleted itself with its tenant: then there is nothing to
    /// do any more.
    async fn complete(&self) -> Result<(), Error> {
        let (store, now) = (self.platform.store(), self.platform.now());
        store.complete_job(&self.claimed, now).await.map(drop)
    }

    async fn fail(&self, error: &JobError) -> Result<(), Error> {
        let (job_id, kind) = (self.fence().job_id, &self.claimed.kind);
        let attempts = self.claimed.attempts;
        tracing::warn!(%job_id, %kind, attempts, %error, "an attempt at a job failed");
        if attempts >= self.claimed.attempts_max {
            return self.bury(in_short(error)).await;
        }
        let now = self.platform.now();
        let wait = back_off(attempts, self.platform.random());
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        let returned = ReturnedJob {
            now,
            run_at: now.plus_micros(micros),
            error: Some(in_short(error)),
        };
        let store = self.platform.store();
        store.return_job(&self.claimed, returned).await.map(drop)
    }

    async fn bury(&self, reason: String) -> Result<(), Error> {
        let (job_id, kind) = (self.fence().job_id, &self.claimed.kind);
        tracing::error!(%job_id, %kind, %reason, "a job was given up; see `keyward job show`");
        let fence = self.fence();
        let cx = Cx::for_job(&self.platform, &self.claimed, Action::EndJob);
        let buried = cx.write::<_, JobError, _>(async move |cx, tx| {
            let permit = cx.permit(Action::EndJob, &TenantWide)?;
            let job = tx.bury_job(fence, cx.now(), &reason).await?;
            let job = job.ok_or(Error::ClaimLost)?;
            let error = reason;
            Ok(Recorded::new(permit, (), Event::JobDied { job, error }))
        });
        match buried.await {
            // Cancelled in its last moment, which is what somebody wanted.
            Err(JobError::Store(Error::JobCancelled)) => self.give_back().await,
            Ok(()) | Err(JobError::Store(Error::ClaimLost)) => Ok(()),
            Err(JobError::Store(error)) => Err(error),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }
}

/// A failure in words that an operator may read: the database's own may quote values.
fn in_short(error: &JobError) -> String {
    match error {
        JobError::Failed(reason) | JobError::Hopeless(reason) => reason.chars().take(200).collect(),
        JobError::Denied(denied) => denied.to_string(),
        JobError::Store(error) => match error {
            Error::Unavailable(_) | Error::OutcomeUnknown(_) => "the store was unavailable",
            Error::Retry(_) => "another transaction was in the way",
            Error::Conflict { .. } => "a constraint refused a row",
            Error::Corrupt { .. } => "a stored value is corrupt; see the log",
            _ => "the store refused; see the log",
        }
        .to_owned(),
    }
}
