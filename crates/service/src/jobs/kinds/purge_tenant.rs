//! Deletes a tenant whose time of grace is over, with every row of it, in small transactions and in an order that the
//! foreign keys allow. Killed at any point, it goes on where it was: what is gone is gone, and there is no way back.

use crate::cx::TenantWide;
use crate::jobs::running::{JobError, RunningJob};
use crate::outcome::Recorded;
use keyward_model::{
    AuditFilter, Event, InstanceAct, InstanceEvent, PageRequest, Progress, Tenant, TenantStatus,
};
use keyward_store::{Purge, SystemTx};
use serde_json::{Map, Value, json};

/// How many rows go in one transaction.
const BATCH: i64 = 500;

pub(super) async fn run(job: &RunningJob) -> Result<(), JobError> {
    let tenant = begin(job).await?;
    let scheduled = who_wanted_it(job).await?;
    let mut done = 0;
    for step in Purge::ALL {
        loop {
            let deleted = purge_some(job, step, done).await?;
            done += deleted;
            if deleted < BATCH {
                break;
            }
        }
    }
    end(job, tenant, scheduled).await
}

/// From here on nobody can take it back.
async fn begin(job: &RunningJob) -> Result<Tenant, JobError> {
    let action = job.action();
    job.cx()
        .write(async move |cx, tx| {
            let permit = cx.permit(action, &TenantWide)?;
            if let Some(tenant) = tx.begin_tenant_purge(cx.now()).await? {
                let event = Event::TenantPurgeBegun {
                    tenant: tenant.clone(),
                };
                return Ok(Recorded::new(permit, tenant, event));
            }
            match tx.find_tenant().await? {
                Some(tenant) if tenant.status == TenantStatus::Purging => {
                    Ok(Recorded::unchanged(permit, tenant))
                }
                Some(tenant) if tenant.status == TenantStatus::Deleting => {
                    Err(JobError::Failed("its time is not here yet".to_owned()))
                }
                _ => Err(JobError::Hopeless(
                    "the tenant is not to be deleted".to_owned(),
                )),
            }
        })
        .await
}

/// What the tenant's own log says of who wanted it deleted: that log goes with it. None when it has gone already.
async fn who_wanted_it(job: &RunningJob) -> Result<Map<String, Value>, JobError> {
    let filter = AuditFilter {
        kind: Some("tenant.deletion_scheduled".to_owned()),
        ..AuditFilter::default()
    };
    let newest = PageRequest::new(Some(1), None);
    let found = job
        .cx()
        .prepare(async move |tx| tx.list_audit_events(&filter, newest).await)
        .await?;
    Ok(found.items.first().map_or_else(Map::new, |event| {
        let mut scheduled = Map::new();
        scheduled.insert("at".to_owned(), json!(event.public.get("occurred_at")));
        scheduled.insert("by".to_owned(), json!(event.personal.get("operator")));
        scheduled
    }))
}

async fn purge_some(job: &RunningJob, step: Purge, before: i64) -> Result<i64, JobError> {
    let (action, fence, cx) = (job.action(), job.fence(), job.cx());
    let of_logs = match step.is_of_the_logs() {
        true => {
            let tenant_id = cx.tenant_id();
            let purge =
                async move |tx: &mut SystemTx<'_>| tx.purge_log(tenant_id, step, BATCH).await;
            cx.platform().store().system_write(purge).await?
        }
        false => 0,
    };
    cx.write(async move |cx, tx| {
        let permit = cx.permit(action, &TenantWide)?;
        let of_tenant = match step.is_of_the_logs() {
            true => 0,
            false => tx.purge(step, fence.job_id, BATCH).await?,
        };
        let deleted = of_logs + of_tenant;
        let (done, total) = (before + deleted, None);
        tx.note_job_progress(fence, Progress { done, total })
            .await?;
        Ok(Recorded::unchanged(permit, deleted))
    })
    .await
}

/// The last transaction: the names that lead to it, this job, and the tenant itself, with what stays in the log of the
/// instance.
async fn end(
    job: &RunningJob,
    tenant: Tenant,
    scheduled: Map<String, Value>,
) -> Result<(), JobError> {
    let (action, cx) = (job.action(), job.cx());
    let tenant = Box::new(tenant);
    let act = InstanceAct::TenantDeleted { tenant, scheduled };
    let event = InstanceEvent {
        id: cx.platform().mint(cx.now()),
        occurred_at: cx.now(),
        kind: act.kind().to_owned(),
        actor: "system".to_owned(),
        reason: "its time of grace is over".to_owned(),
        tenant_id: act.tenant_id(),
        details: act.details(),
    };
    cx.write(async move |cx, tx| {
        let permit = cx.permit(action, &TenantWide)?;
        tx.delete_purged_tenant(&event).await?;
        Ok(Recorded::unchanged(permit, ()))
    })
    .await
}
