//! Who does a job: claimed by one worker, whichever tenant it is of, under a lease that lapses when the worker does.

use super::{Held, ReturnedJob, read_job};
use crate::columns::job_columns;
use crate::error::Error;
use crate::scope::TenantScope;
use crate::statement::{Statement, statements, statements_by_engine};
use crate::store::Store;
use crate::transaction::{SystemTx, TenantTx};
use crate::value::Value;
use keyward_model::{
    Job, JobFence, JobFilter, JobId, JobState, NewJob, Page, PageRequest, TenantId, TenantStatus,
    Timestamp,
};
use uuid::Uuid;

/// How far jobs are counted; beyond it is "at least so many".
pub const JOBS_COUNTED_MAX: i64 = 10_000;

statements! {
    CLAIM_JOB = "UPDATE jobs SET state = 'running', claim = claim + 1, attempts = attempts + 1, claimed_by = $3,
            lease_until = $4, version = version + 1
        WHERE tenant_id = $1 AND id = $2
        RETURNING tenant_id, id, kind, claim, attempts, attempts_max";
    LIST_JOBS = concat!("SELECT ", job_columns!(), " FROM jobs
        WHERE id < $1 AND (tenant_id = $2 OR $2 = $5) AND (state = $3 OR $3 = '') AND (kind = $4 OR $4 = '')
        ORDER BY id DESC LIMIT $6");
    FIND_TENANT_OF_JOB = "SELECT tenant_id FROM jobs WHERE id = $1 ORDER BY tenant_id";
    COUNT_WAITING_JOBS = "SELECT COUNT(id) FROM (SELECT id FROM jobs WHERE state = 'waiting'
        ORDER BY run_at LIMIT $1) waiting";
    COUNT_DUE_JOBS = "SELECT COUNT(id) FROM (SELECT id FROM jobs WHERE state = 'waiting' AND run_at <= $2
        ORDER BY run_at LIMIT $1) due";
    COUNT_RUNNING_JOBS = "SELECT COUNT(id) FROM (SELECT id FROM jobs WHERE state = 'running'
        ORDER BY lease_until LIMIT $1) running";
    COUNT_DEAD_JOBS = "SELECT COUNT(id) FROM (SELECT id FROM jobs WHERE state = 'dead'
        ORDER BY finished_at LIMIT $1) dead";
    DELETE_FINISHED_JOBS = "DELETE FROM jobs WHERE (tenant_id, id) IN (
            SELECT tenant_id, id FROM jobs
            WHERE finished_at < $1 AND (state <> 'dead' OR finished_at < $2)
            ORDER BY finished_at LIMIT $3)";
}

// What another worker is just claiming is skipped. On SQLite there is one writer, and nothing to skip.
statements_by_engine! {
    FIND_ABANDONED_JOBS {
        sqlite: "SELECT tenant_id, id FROM jobs WHERE state = 'running' AND lease_until <= $1
            ORDER BY lease_until, id LIMIT $2",
        postgres: "SELECT tenant_id, id FROM jobs WHERE state = 'running' AND lease_until <= $1
            ORDER BY lease_until, id LIMIT $2 FOR UPDATE SKIP LOCKED",
    }
    FIND_WAITING_JOBS {
        sqlite: "SELECT tenant_id, id FROM jobs WHERE state = 'waiting' AND run_at <= $1
            ORDER BY run_at, id LIMIT $2",
        postgres: "SELECT tenant_id, id FROM jobs WHERE state = 'waiting' AND run_at <= $1
            ORDER BY run_at, id LIMIT $2 FOR UPDATE SKIP LOCKED",
    }
}

/// A job that a worker of this node has claimed, with the way into its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    scope: TenantScope,
    /// The claim.
    pub fence: JobFence,
    /// The stored name of its kind.
    pub kind: String,
    /// How often it was tried, this time included.
    pub attempts: i64,
    /// How often it is tried.
    pub attempts_max: i64,
}

/// How many jobs there are of the whole instance, each counted up to [`JOBS_COUNTED_MAX`]. Those that were done or cancelled are
/// many and tell nothing of what is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCounts {
    /// For their time, or for a worker.
    pub waiting: i64,
    /// Of those, the ones whose time has come: the backlog.
    pub due: i64,
    /// Claimed by a worker.
    pub running: i64,
    /// Given up.
    pub dead: i64,
}

/// Who claims jobs, and for how long.
#[derive(Debug, Clone, Copy)]
struct Claimer {
    node_id: Uuid,
    now: Timestamp,
    lease_until: Timestamp,
}

impl ClaimedJob {
    /// The way into its tenant.
    pub fn scope(&self) -> TenantScope {
        self.scope
    }
}

impl SystemTx<'_> {
    /// The jobs of the instance that match, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_jobs(
        &mut self,
        filter: &JobFilter,
        page: PageRequest,
    ) -> Result<Page<Job>, Error> {
        let values = vec![
            Value::from(page.after.map_or(Uuid::max(), |cursor| cursor.uuid())),
            Value::from(filter.tenant_id.map_or(Uuid::nil(), TenantId::uuid)),
            Value::from(filter.state.map_or("", JobState::name)),
            Value::from(filter.kind.clone().unwrap_or_default()),
            Value::from(Uuid::nil()),
            Value::Integer(page.limit() as i64 + 1),
        ];
        let mut answer = self.run(&LIST_JOBS, values).await?;
        let rows = answer.rows.iter_mut().map(read_job);
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Page::from_rows(rows, page, |job| job.id))
    }

    /// How many jobs there are that have not ended well.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count_jobs(&mut self, now: Timestamp) -> Result<JobCounts, Error> {
        Ok(JobCounts {
            waiting: self.count(&COUNT_WAITING_JOBS, vec![]).await?,
            due: self.count(&COUNT_DUE_JOBS, vec![Value::from(now)]).await?,
            running: self.count(&COUNT_RUNNING_JOBS, vec![]).await?,
            dead: self.count(&COUNT_DEAD_JOBS, vec![]).await?,
        })
    }

    /// Counts by a statement whose first parameter is how far.
    async fn count(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<i64, Error> {
        let mut all = vec![Value::from(JOBS_COUNTED_MAX)];
        all.extend(values);
        let mut answer = self.run(statement, all).await?;
        answer.rows.first_mut().map_or(Ok(0), |row| row.get(0))
    }

    /// Deletes jobs that ended before `ended_before`, of the dead ones only those that died before `died_before`, at most
    /// `limit`; how many it deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_finished_jobs(
        &mut self,
        ended_before: Timestamp,
        died_before: Timestamp,
        limit: i64,
    ) -> Result<u64, Error> {
        let values = vec![
            Value::from(ended_before),
            Value::from(died_before),
            Value::from(limit),
        ];
        Ok(self.run(&DELETE_FINISHED_JOBS, values).await?.changed)
    }

    pub(crate) async fn find_tenant_of_job(
        &mut self,
        id: JobId,
    ) -> Result<Option<TenantId>, Error> {
        let mut answer = self.run(&FIND_TENANT_OF_JOB, vec![Value::from(id)]).await?;
        answer.rows.first_mut().map(|row| row.get(0)).transpose()
    }

    /// Claims what other workers abandoned, then what waits.
    async fn claim_jobs(&mut self, claimer: Claimer, limit: i64) -> Result<Vec<ClaimedJob>, Error> {
        let mut claimed = Vec::new();
        for statement in [&FIND_ABANDONED_JOBS, &FIND_WAITING_JOBS] {
            let free = limit - claimed.len() as i64;
            let values = vec![Value::from(claimer.now), Value::from(free)];
            for mut row in self.run(statement, values).await?.rows {
                claimed.extend(self.claim_job(claimer, row.get(0)?, row.get(1)?).await?);
            }
        }
        Ok(claimed)
    }

    async fn claim_job(
        &mut self,
        claimer: Claimer,
        tenant_id: TenantId,
        id: JobId,
    ) -> Result<Option<ClaimedJob>, Error> {
        let values = vec![
            Value::from(tenant_id),
            Value::from(id),
            Value::from(claimer.node_id),
            Value::from(claimer.lease_until),
        ];
        let mut answer = self.run(&CLAIM_JOB, values).await?;
        let Some(row) = answer.rows.first_mut() else {
            return Ok(None);
        };
        Ok(Some(ClaimedJob {
            scope: TenantScope::resolved(row.get(0)?),
            fence: JobFence {
                job_id: row.get(1)?,
                claim: row.get(3)?,
            },
            kind: row.get(2)?,
            attempts: row.get(4)?,
            attempts_max: row.get(5)?,
        }))
    }
}

impl Store {
    /// Claims at most `limit` jobs whose time has come, for the node `node_id`, until `lease_until`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claim_jobs(
        &self,
        node_id: Uuid,
        (now, lease_until): (Timestamp, Timestamp),
        limit: usize,
    ) -> Result<Vec<ClaimedJob>, Error> {
        let claimer = Claimer {
            node_id,
            now,
            lease_until,
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.system_write(async move |tx: &mut SystemTx<'_>| tx.claim_jobs(claimer, limit).await)
            .await
    }

    /// Says that the worker of a job lives: keeps others away until `lease_until`.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn extend_job_lease(
        &self,
        job: &ClaimedJob,
        lease_until: Timestamp,
    ) -> Result<Held, Error> {
        let fence = job.fence;
        let beat = async move |tx: &mut TenantTx<'_>| tx.extend_job_lease(fence, lease_until).await;
        self.unrecorded(&job.scope, beat).await
    }

    /// Ends a job as done that did not do so in its last transaction. False when the claim was lost.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn complete_job(&self, job: &ClaimedJob, now: Timestamp) -> Result<bool, Error> {
        let fence = job.fence;
        let end = async move |tx: &mut TenantTx<'_>| tx.complete_job(fence, now).await;
        self.unrecorded(&job.scope, end).await
    }

    /// Gives a claim back. None when it was lost.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn return_job(
        &self,
        job: &ClaimedJob,
        returned: ReturnedJob,
    ) -> Result<Option<Job>, Error> {
        let fence = job.fence;
        let give_back = async move |tx: &mut TenantTx<'_>| tx.return_job(fence, returned).await;
        self.unrecorded(&job.scope, give_back).await
    }

    /// Enqueues a job that no change asked for, but a schedule. False when one with its key waits or runs.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn enqueue_scheduled(&self, scope: &TenantScope, job: NewJob) -> Result<bool, Error> {
        let enqueue = async move |tx: &mut TenantTx<'_>| tx.enqueue_job(&job).await;
        self.unrecorded(scope, enqueue).await
    }

    /// An operator's way to a job, and so into its tenant. Every transaction in it must record an event.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub async fn operator_scope_of_job(&self, id: JobId) -> Result<Option<TenantScope>, Error> {
        self.system_read(async move |tx: &mut SystemTx<'_>| {
            let tenant_id = tx.find_tenant_of_job(id).await?;
            // Whatever the tenant's status is, its jobs can be looked at, and each says itself what it allows.
            let way_in = |id| TenantScope::operator(id, TenantStatus::Active);
            Ok(tenant_id.map(way_in))
        })
        .await
    }
}
