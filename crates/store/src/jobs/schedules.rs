//! What recurs. A schedule is claimed under a lease, goes over the tenants that need it in small steps, and notes after
//! each where it is: whoever takes over goes on there. Runs that were missed are made up by one.

use crate::error::Error;
use crate::scope::TenantScope;
use crate::statement::{Statement, statements};
use crate::store::Store;
use crate::transaction::SystemTx;
use crate::value::Value;
use keyward_model::Timestamp;
use uuid::Uuid;

statements! {
    CLAIM_SCHEDULE = "INSERT INTO schedules (name, next_run_at, claim, lease_until) VALUES ($1, $2, 1, $3)
        ON CONFLICT (name) DO UPDATE SET claim = schedules.claim + 1, lease_until = excluded.lease_until
            WHERE schedules.next_run_at <= $2 AND (schedules.lease_until IS NULL OR schedules.lease_until <= $2)
        RETURNING claim, scan_after";
    CONTINUE_SCHEDULE = "UPDATE schedules SET scan_after = $3, lease_until = $4
        WHERE name = $1 AND claim = $2 RETURNING name";
    END_SCHEDULE = "UPDATE schedules SET next_run_at = $3, scan_after = NULL, lease_until = NULL
        WHERE name = $1 AND claim = $2 RETURNING name";
    SCAN_SESSIONS = "SELECT t.tenant_id FROM tenants t WHERE t.tenant_id > $1
            AND EXISTS (SELECT 1 FROM sessions s WHERE s.tenant_id = t.tenant_id AND s.expires_at < $2)
        ORDER BY t.tenant_id LIMIT $3";
    SCAN_IDEMPOTENCY_KEYS = "SELECT t.tenant_id FROM tenants t WHERE t.tenant_id > $1
            AND EXISTS (SELECT 1 FROM idempotency_keys k WHERE k.tenant_id = t.tenant_id AND k.expires_at <= $2)
        ORDER BY t.tenant_id LIMIT $3";
    SCAN_ATTEMPTS = "SELECT t.tenant_id FROM tenants t WHERE t.tenant_id > $1
            AND (EXISTS (SELECT 1 FROM attempt_counts a WHERE a.tenant_id = t.tenant_id AND a.expires_at <= $2)
                OR EXISTS (SELECT 1 FROM known_devices d WHERE d.tenant_id = t.tenant_id AND d.expires_at <= $2))
        ORDER BY t.tenant_id LIMIT $3";
    SCAN_ROTATIONS = "SELECT tenant_id FROM tenants WHERE rotation_due_at <= $2 AND tenant_id > $1
        ORDER BY tenant_id LIMIT $3";
}

/// What recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Finds tenants with sessions that ended long ago.
    PruneSessions,
    /// Finds tenants with kept answers whose time is over.
    PruneIdempotencyKeys,
    /// Finds tenants with counts of attempts that hold nobody back any more, or with devices that are known no longer.
    PruneAttempts,
    /// Deletes jobs that ended long ago.
    PruneJobs,
    /// Deletes rows of the feed that every reader has had.
    PruneFeed,
    /// Finds tenants whose signing key is to get a successor.
    RotateSigningKeys,
}

/// A schedule that this node goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedSchedule {
    /// Which one.
    pub schedule: Schedule,
    claim: i64,
    /// The tenant that was the last of the step before; none at the beginning.
    scan_after: Option<Uuid>,
}

/// One step of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanStep {
    /// The tenants that need it.
    pub tenants: Vec<TenantScope>,
    /// Where the next step goes on; none after the last.
    next: Option<Uuid>,
}

impl ScanStep {
    /// Whether no tenant is left behind it.
    pub fn is_last(&self) -> bool {
        self.next.is_none()
    }
}

impl Schedule {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::PruneSessions,
        Self::PruneIdempotencyKeys,
        Self::PruneAttempts,
        Self::PruneJobs,
        Self::PruneFeed,
        Self::RotateSigningKeys,
    ];

    /// The name as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::PruneSessions => "prune_sessions",
            Self::PruneIdempotencyKeys => "prune_idempotency_keys",
            Self::PruneAttempts => "prune_attempts",
            Self::PruneJobs => "prune_jobs",
            Self::PruneFeed => "prune_feed",
            Self::RotateSigningKeys => "rotate_signing_keys",
        }
    }
}

impl SystemTx<'_> {
    /// Claims a schedule whose time has come and that nobody goes through.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claim_schedule(
        &mut self,
        schedule: Schedule,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedSchedule>, Error> {
        let values = vec![
            Value::from(schedule.name()),
            Value::from(now),
            Value::from(lease_until),
        ];
        let mut answer = self.run(&CLAIM_SCHEDULE, values).await?;
        let Some(row) = answer.rows.first_mut() else {
            return Ok(None);
        };
        Ok(Some(ClaimedSchedule {
            schedule,
            claim: row.get(0)?,
            scan_after: row.get(1)?,
        }))
    }

    /// Notes that a step is done, and gives what the next one goes by; none when somebody else has taken over.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn continue_schedule(
        &mut self,
        claimed: ClaimedSchedule,
        step: &ScanStep,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedSchedule>, Error> {
        let values = vec![
            Value::from(claimed.schedule.name()),
            Value::from(claimed.claim),
            Value::from(step.next),
            Value::from(lease_until),
        ];
        let answer = self.run(&CONTINUE_SCHEDULE, values).await?;
        Ok((!answer.rows.is_empty()).then_some(ClaimedSchedule {
            scan_after: step.next,
            ..claimed
        }))
    }

    /// Ends a run; the next one is due at `next_run_at`. False when somebody else has taken over.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_schedule(
        &mut self,
        claimed: ClaimedSchedule,
        next_run_at: Timestamp,
    ) -> Result<bool, Error> {
        let values = vec![
            Value::from(claimed.schedule.name()),
            Value::from(claimed.claim),
            Value::from(next_run_at),
        ];
        Ok(!self.run(&END_SCHEDULE, values).await?.rows.is_empty())
    }

    /// One step of a scan, by a statement of which the first parameter is the tenant to go on after, the second the moment
    /// and the third the limit.
    async fn scan(
        &mut self,
        statement: &'static Statement,
        claimed: ClaimedSchedule,
        moment: Timestamp,
        limit: i64,
    ) -> Result<ScanStep, Error> {
        let values = vec![
            Value::from(claimed.scan_after.unwrap_or(Uuid::nil())),
            Value::from(moment),
            Value::from(limit),
        ];
        let mut answer = self.run(statement, values).await?;
        let ids = answer.rows.iter_mut().map(|row| row.get(0));
        let ids: Vec<Uuid> = ids.collect::<Result<_, _>>()?;
        let full = i64::try_from(ids.len()).is_ok_and(|length| length >= limit);
        let scope = |id: &Uuid| TenantScope::resolved(keyward_model::Id::from_uuid(*id));
        Ok(ScanStep {
            tenants: ids.iter().map(scope).collect(),
            next: ids.last().copied().filter(|_| full),
        })
    }
}

impl Store {
    /// The next tenants, at most `limit`, with a session that expired before a moment.
    ///
    /// # Errors
    /// As [`Store::system_read`].
    pub async fn scan_sessions(
        &self,
        claimed: ClaimedSchedule,
        expired_before: Timestamp,
        limit: i64,
    ) -> Result<ScanStep, Error> {
        self.system_read(async move |tx: &mut SystemTx<'_>| {
            tx.scan(&SCAN_SESSIONS, claimed, expired_before, limit)
                .await
        })
        .await
    }

    /// The next tenants, at most `limit`, with a kept answer whose time is over at `now`.
    ///
    /// # Errors
    /// As [`Store::system_read`].
    pub async fn scan_idempotency_keys(
        &self,
        claimed: ClaimedSchedule,
        now: Timestamp,
        limit: i64,
    ) -> Result<ScanStep, Error> {
        self.system_read(async move |tx: &mut SystemTx<'_>| {
            tx.scan(&SCAN_IDEMPOTENCY_KEYS, claimed, now, limit).await
        })
        .await
    }

    /// The next tenants, at most `limit`, with a count of attempts or a known device whose time is over at `now`.
    ///
    /// # Errors
    /// As [`Store::system_read`].
    pub async fn scan_attempts(
        &self,
        claimed: ClaimedSchedule,
        now: Timestamp,
        limit: i64,
    ) -> Result<ScanStep, Error> {
        self.system_read(async move |tx: &mut SystemTx<'_>| {
            tx.scan(&SCAN_ATTEMPTS, claimed, now, limit).await
        })
        .await
    }

    /// The next tenants, at most `limit`, whose signing keys are to be looked at by `now`.
    ///
    /// # Errors
    /// As [`Store::system_read`].
    pub async fn scan_rotations(
        &self,
        claimed: ClaimedSchedule,
        now: Timestamp,
        limit: i64,
    ) -> Result<ScanStep, Error> {
        self.system_read(async move |tx: &mut SystemTx<'_>| {
            tx.scan(&SCAN_ROTATIONS, claimed, now, limit).await
        })
        .await
    }
}
