//! Jobs, as a tenant's transactions see them: enqueued with the change that wants them, held while they change something,
//! and ended.

mod claiming;
mod schedules;

pub use claiming::{ClaimedJob, JOBS_COUNTED_MAX, JobCounts};
pub(crate) use claiming::{STATEMENTS as CLAIMING_STATEMENTS, STATEMENTS_BY_ENGINE};
pub(crate) use schedules::STATEMENTS as SCHEDULE_STATEMENTS;
pub use schedules::{ClaimedSchedule, ScanStep, Schedule};

use crate::columns::job_columns;
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{Job, JobDetails, JobFence, JobId, JobState, NewJob, Progress, Timestamp};

statements! {
    ENQUEUE_JOB = "INSERT INTO jobs (tenant_id, id, kind, payload, deduplication_key, state, run_at, attempts,
            attempts_max, claim, progress_done, cancel_requested, created_at, version)
        VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0, $7, 0, 0, 0, $8, 1)
        ON CONFLICT DO NOTHING RETURNING id";
    FIND_JOB = concat!("SELECT ", job_columns!(), ", payload, deduplication_key, last_error
        FROM jobs WHERE tenant_id = $1 AND id = $2");
    FIND_LIVE_JOB = "SELECT id FROM jobs WHERE tenant_id = $1 AND deduplication_key = $2
        AND state IN ('waiting', 'running') AND cancel_requested = 0 ORDER BY id LIMIT 1";
    HOLD_JOB = "UPDATE jobs SET version = version
        WHERE tenant_id = $1 AND id = $2 AND claim = $3 AND state = 'running' RETURNING cancel_requested";
    EXTEND_JOB_LEASE = "UPDATE jobs SET lease_until = $4
        WHERE tenant_id = $1 AND id = $2 AND claim = $3 AND state = 'running' RETURNING cancel_requested";
    NOTE_JOB_PROGRESS = "UPDATE jobs SET progress_done = $4, progress_total = $5, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND claim = $3 AND state = 'running'";
    COMPLETE_JOB = "UPDATE jobs SET state = 'done', finished_at = $4, lease_until = NULL, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND claim = $3 AND state = 'running' RETURNING id";
    BURY_JOB = concat!("UPDATE jobs SET state = 'dead', finished_at = $4, last_error = $5, lease_until = NULL,
            version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND claim = $3 AND state = 'running' RETURNING ", job_columns!());
    RETURN_JOB = concat!("UPDATE jobs SET
            state = CASE cancel_requested WHEN 1 THEN 'cancelled' ELSE 'waiting' END,
            finished_at = CASE cancel_requested WHEN 1 THEN CAST($4 AS BIGINT) END,
            run_at = $5, last_error = COALESCE($6, last_error), attempts = attempts - $7, lease_until = NULL,
            version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND claim = $3 AND state = 'running' RETURNING ", job_columns!());
    CANCEL_JOB = concat!("UPDATE jobs SET
            state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END,
            finished_at = CASE state WHEN 'waiting' THEN CAST($3 AS BIGINT) END,
            cancel_requested = 1, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND state IN ('waiting', 'running') RETURNING ", job_columns!());
    CANCEL_JOB_OF_KEY = concat!("UPDATE jobs SET
            state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END,
            finished_at = CASE state WHEN 'waiting' THEN CAST($3 AS BIGINT) END,
            cancel_requested = 1, version = version + 1
        WHERE tenant_id = $1 AND deduplication_key = $2 AND state IN ('waiting', 'running')
        RETURNING ", job_columns!());
    RETRY_JOB = concat!("UPDATE jobs SET state = 'waiting', run_at = $3, attempts = 0, finished_at = NULL,
            cancel_requested = 0, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND state = 'dead' RETURNING ", job_columns!());
}

/// What became of a claim that somebody wanted to act under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is the job's latest, and the job is to go on.
    Yes,
    /// It is the job's latest, and the job is to stop.
    Cancelled,
    /// Another worker claimed the job, or it has ended.
    Lost,
}

/// How a claim is given back with the job not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedJob {
    /// The present moment.
    pub now: Timestamp,
    /// When the job may be claimed again.
    pub run_at: Timestamp,
    /// Why the attempt failed, in a few words without secrets; none, when it did not fail and is not to count.
    pub error: Option<String>,
}

impl TenantTx<'_> {
    /// Has something done later, if and only if this transaction commits; a worker of this node hears of it then.
    /// False when a waiting or running job of the tenant has the same key.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn enqueue_job(&mut self, job: &NewJob) -> Result<bool, Error> {
        let values = vec![
            Value::from(job.id),
            Value::from(job.kind.name()),
            Value::from(job.kind.payload()),
            Value::from(job.deduplication_key.clone()),
            Value::from(job.run_at),
            Value::from(job.attempts_max),
            Value::from(job.created_at),
        ];
        let enqueued = !self.run(&ENQUEUE_JOB, values).await?.rows.is_empty();
        self.note_enqueued();
        Ok(enqueued)
    }

    /// A job with all that is stored of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_job(&mut self, id: JobId) -> Result<Option<JobDetails>, Error> {
        self.find(&FIND_JOB, vec![Value::from(id)], read_details)
            .await
    }

    /// The job of this key that will act, if one does: it waits or runs, and nobody has cancelled it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_live_job(&mut self, key: &str) -> Result<Option<JobId>, Error> {
        self.find(&FIND_LIVE_JOB, vec![Value::from(key)], |row| row.get(0))
            .await
    }

    /// Takes the job's row until the transaction ends, and says whether the claim is still its latest. Whatever a job
    /// changes begins with this: nobody else can claim the job before that is committed, nor after it was lost. It is no
    /// change, and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hold_job(&mut self, fence: JobFence) -> Result<Held, Error> {
        self.under(&HOLD_JOB, fence, vec![]).await
    }

    /// Keeps other workers away until `lease_until`, if the claim is still the job's latest.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn extend_job_lease(
        &mut self,
        fence: JobFence,
        lease_until: Timestamp,
    ) -> Result<Held, Error> {
        self.under(&EXTEND_JOB_LEASE, fence, vec![Value::from(lease_until)])
            .await
    }

    /// Says how far a job is. It is no change, and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn note_job_progress(
        &mut self,
        fence: JobFence,
        progress: Progress,
    ) -> Result<(), Error> {
        let values = vec![Value::from(progress.done), Value::from(progress.total)];
        let noted = self.run(&NOTE_JOB_PROGRESS, fenced(fence, values)).await?;
        self.ledger().forget_changed(noted.changed);
        Ok(())
    }

    /// Ends a job as done, best in the transaction of its last effect: then both are committed or neither. False when the
    /// claim was lost. It is no change of its own, and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn complete_job(&mut self, fence: JobFence, now: Timestamp) -> Result<bool, Error> {
        let values = fenced(fence, vec![Value::from(now)]);
        let done = self.run(&COMPLETE_JOB, values).await?;
        self.ledger().forget_changed(done.changed);
        Ok(done.changed > 0)
    }

    /// Gives a job up that failed too often; none when the claim was lost.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bury_job(
        &mut self,
        fence: JobFence,
        now: Timestamp,
        error: &str,
    ) -> Result<Option<Job>, Error> {
        let values = fenced(fence, vec![Value::from(now), Value::from(error)]);
        self.find(&BURY_JOB, values, read_job).await
    }

    /// Gives a claim back; the job waits again, or is cancelled if that was asked for. None when the claim was lost. It is
    /// no change of its own, and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn return_job(
        &mut self,
        fence: JobFence,
        returned: ReturnedJob,
    ) -> Result<Option<Job>, Error> {
        let uncounted = i64::from(returned.error.is_none());
        let values = vec![
            Value::from(returned.now),
            Value::from(returned.run_at),
            Value::from(returned.error),
            Value::from(uncounted),
        ];
        let mut answer = self.run(&RETURN_JOB, fenced(fence, values)).await?;
        self.ledger().forget_changed(answer.changed);
        answer.rows.first_mut().map(read_job).transpose()
    }

    /// Cancels a job: at once while it waits, else at its next transaction or heartbeat. None when it has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn cancel_job(&mut self, id: JobId, now: Timestamp) -> Result<Option<Job>, Error> {
        let values = vec![Value::from(id), Value::from(now)];
        self.find(&CANCEL_JOB, values, read_job).await
    }

    /// The same, by the key that the job was enqueued with: how a planned act is undone.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn cancel_job_of_key(
        &mut self,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Job>, Error> {
        let values = vec![Value::from(key), Value::from(now)];
        self.find(&CANCEL_JOB_OF_KEY, values, read_job).await
    }

    /// Has a dead job tried again, as often as at first; none when it is not dead.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Conflict`] when another one with its key waits or runs.
    pub async fn retry_job(&mut self, id: JobId, now: Timestamp) -> Result<Option<Job>, Error> {
        let values = vec![Value::from(id), Value::from(now)];
        let job = self.find(&RETRY_JOB, values, read_job).await?;
        self.note_enqueued();
        Ok(job)
    }

    async fn under(
        &mut self,
        statement: &'static crate::statement::Statement,
        fence: JobFence,
        values: Vec<Value>,
    ) -> Result<Held, Error> {
        let mut answer = self.run(statement, fenced(fence, values)).await?;
        self.ledger().forget_changed(answer.changed);
        match answer.rows.first_mut() {
            None => Ok(Held::Lost),
            Some(row) => match row.get::<i64>(0)? {
                0 => Ok(Held::Yes),
                _ => Ok(Held::Cancelled),
            },
        }
    }
}

/// The values of a statement that acts under a claim: `$2` is the job, `$3` the claim's number.
fn fenced(fence: JobFence, values: Vec<Value>) -> Vec<Value> {
    let mut all = vec![Value::from(fence.job_id), Value::from(fence.claim)];
    all.extend(values);
    all
}

fn read_job(row: &mut Row) -> Result<Job, Error> {
    let cancel_requested: i64 = row.get(12)?;
    Ok(Job {
        tenant_id: row.get(0)?,
        id: row.get(1)?,
        kind: row.get(2)?,
        state: row.named::<JobState>(3)?,
        run_at: row.get(4)?,
        attempts: row.get(5)?,
        attempts_max: row.get(6)?,
        claim: row.get(7)?,
        claimed_by: row.get(8)?,
        lease_until: row.get(9)?,
        progress: Progress {
            done: row.get(10)?,
            total: row.get(11)?,
        },
        cancel_requested: cancel_requested != 0,
        created_at: row.get(13)?,
        finished_at: row.get(14)?,
        version: row.get(15)?,
    })
}

fn read_details(row: &mut Row) -> Result<JobDetails, Error> {
    Ok(JobDetails {
        job: read_job(row)?,
        payload: row.get(16)?,
        deduplication_key: row.get(17)?,
        last_error: row.get(18)?,
    })
}
