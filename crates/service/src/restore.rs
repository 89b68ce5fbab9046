//! After a restore: what was revoked since the backup must not live again.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use crate::tenants::{purge, purge_key};
use crate::users::{erasure, erasure_key};
use keyward_model::{EndReason, Ended, Event, Restored, SessionId, TenantStatus, Timestamp};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;

/// How many sessions, and invitations, are ended in one transaction: a table of millions is locked and logged in small pieces.
const ENDED_AT_ONCE: u32 = 5_000;
/// How many deletions of users are postponed in one transaction.
const DELETIONS_AT_ONCE: i64 = 200;
/// How long nothing is deleted for good after a restore. A deletion of the backup may have been taken back since: without this
/// its job would run within seconds, before anybody can take it back again.
const DELETION_PAUSE_SECONDS: i64 = 7 * 86_400;

/// What is to be done in a tenant that was brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleRestore {
    /// When the backup was made, if that is known.
    pub backup_created_at: Option<Timestamp>,
    /// Leaves the sessions and invitations of the backup alone, revoked since or not.
    pub keep_sessions: bool,
}

/// How much was ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Sessions that were open.
    pub sessions: u64,
    /// Invitations that nobody had accepted.
    pub invitations: u64,
}

impl std::ops::AddAssign for Settled {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.invitations += other.invitations;
    }
}

/// Why a tenant was not settled.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Something else changed what was to be settled: it is to be run again, when nothing else runs.
    #[error("the tenant was changed meanwhile: run it again")]
    Changed,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// Records in the tenant of `cx` that it was brought back from a backup, puts off what would be deleted for good, and ends its
/// sessions and its invitations, each piece in a transaction with its own record. Gives how many it ended. Whoever was cut off
/// runs it again: what has ended stays ended.
///
/// # Errors
/// [`RestoreError`]; the pieces before it stand.
pub async fn settle_restore(cx: &Cx, command: SettleRestore) -> Result<Settled, RestoreError> {
    let (mut total, mut after) = (Settled::default(), None);
    loop {
        let piece = settle_piece(cx, command, after).await?;
        total += piece.ended;
        after = piece.last_session.or(after);
        if piece.is_last() {
            return Ok(total);
        }
    }
}

/// What was done in one transaction.
struct Piece {
    ended: Settled,
    last_session: Option<SessionId>,
    erasures_postponed: usize,
}

impl Piece {
    fn is_last(&self) -> bool {
        let full = u64::from(ENDED_AT_ONCE);
        self.ended.sessions < full
            && self.ended.invitations < full
            && self.erasures_postponed < DELETIONS_AT_ONCE as usize
    }
}

async fn settle_piece(
    cx: &Cx,
    command: SettleRestore,
    after: Option<SessionId>,
) -> Result<Piece, RestoreError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RestoreTenant, &TenantWide)?;
        let mut events = postpone_erasures(cx, tx).await?;
        let erasures_postponed = events.len();
        events.extend(postpone_purge(cx, tx).await?);
        let end = Ended {
            at: cx.now(),
            reason: EndReason::Restored,
        };
        let (mut ended, mut last_session) = (Settled::default(), None);
        if !command.keep_sessions {
            let sessions = tx.end_sessions_after(after, ENDED_AT_ONCE, end).await?;
            last_session = sessions.iter().copied().max();
            ended.sessions = sessions.len() as u64;
            // One that was withdrawn since, or accepted, would let in whoever has the old token.
            ended.invitations = tx.void_invitations(ENDED_AT_ONCE).await?;
        }
        let restored = Restored {
            backup_created_at: command.backup_created_at,
            sessions_ended: (!command.keep_sessions).then_some(ended.sessions),
            invitations_ended: ended.invitations,
        };
        events.push(Event::TenantRestored {
            tenant_id: cx.tenant_id(),
            restored,
        });
        let piece = Piece {
            ended,
            last_session,
            erasures_postponed,
        };
        Ok(Recorded::all(permit, piece, events))
    })
    .await
}

/// Gives a tenant that is about to be deleted the pause. One whose rows are being deleted could not be brought back anyway.
async fn postpone_purge(cx: &Cx, tx: &mut TenantTx<'_>) -> Result<Option<Event>, RestoreError> {
    let found = tx.find_tenant().await?;
    let Some(before) = found.filter(|tenant| tenant.status == TenantStatus::Deleting) else {
        return Ok(None);
    };
    let until = not_before(cx);
    let Some(due) = before.delete_after.filter(|due| *due < until) else {
        return Ok(None);
    };
    // Its moment is in a job's key, so it is another job from here on.
    tx.cancel_job_of_key(&purge_key(due), cx.now()).await?;
    let after = tx.reschedule_tenant_deletion(before.version, until).await?;
    let after = after.ok_or(RestoreError::Changed)?;
    tx.enqueue_job(&purge(cx, until)).await?;
    Ok(Some(Event::TenantDeletionPostponed { before, after }))
}

/// Gives some users who are about to be deleted the pause.
async fn postpone_erasures(cx: &Cx, tx: &mut TenantTx<'_>) -> Result<Vec<Event>, RestoreError> {
    let until = not_before(cx);
    let due = tx
        .list_user_deletions_before(until, DELETIONS_AT_ONCE)
        .await?;
    let mut events = Vec::with_capacity(due.len());
    for before in due {
        if let Some(due) = before.deletes_at {
            tx.cancel_job_of_key(&erasure_key(before.id, due), cx.now())
                .await?;
        }
        let after = tx.reschedule_user_deletion(before.id, until).await?;
        let after = after.ok_or(RestoreError::Changed)?;
        tx.enqueue_job(&erasure(cx, before.id, until)).await?;
        events.push(Event::UserDeletionPostponed { before, after });
    }
    Ok(events)
}

fn not_before(cx: &Cx) -> Timestamp {
    cx.now().plus_seconds(DELETION_PAUSE_SECONDS)
}
