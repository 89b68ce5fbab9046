//! After a restore: what was revoked since the backup must not live again.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use keyward_model::{EndReason, Ended, Event, Restored, SessionId, Timestamp};
use keyward_policy::{Action, Denied};

/// How many sessions are ended in one transaction: a table of millions is locked and logged in small pieces.
const SESSIONS_AT_ONCE: u32 = 5_000;

/// What is to be done in a tenant that was brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleRestore {
    /// When the backup was made, if that is known.
    pub backup_created_at: Option<Timestamp>,
    /// Leaves the sessions of the backup alone, revoked since or not.
    pub keep_sessions: bool,
}

/// Why a tenant was not settled.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// Records in the tenant of `cx` that it was brought back from a backup, and ends its sessions, each piece in a
/// transaction with its own record. Gives how many it ended. Whoever was cut off runs it again: what has ended stays ended.
///
/// # Errors
/// [`RestoreError`]; the pieces before it stand.
pub async fn settle_restore(cx: &Cx, command: SettleRestore) -> Result<u64, RestoreError> {
    if command.keep_sessions {
        record_kept(cx, command.backup_created_at).await?;
        return Ok(0);
    }
    let (mut total, mut after) = (0, None);
    loop {
        let ended = end_piece(cx, command.backup_created_at, after).await?;
        total += ended.len() as u64;
        after = ended.iter().copied().max();
        if ended.len() < SESSIONS_AT_ONCE as usize {
            return Ok(total);
        }
    }
}

async fn end_piece(
    cx: &Cx,
    backup_created_at: Option<Timestamp>,
    after: Option<SessionId>,
) -> Result<Vec<SessionId>, RestoreError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RestoreTenant, &TenantWide)?;
        let end = Ended {
            at: cx.now(),
            reason: EndReason::Restored,
        };
        let ended = tx.end_sessions_after(after, SESSIONS_AT_ONCE, end).await?;
        let restored = Restored {
            backup_created_at,
            sessions_ended: Some(ended.len() as u64),
        };
        Ok(Recorded::new(permit, ended, event(cx, restored)))
    })
    .await
}

async fn record_kept(cx: &Cx, backup_created_at: Option<Timestamp>) -> Result<(), RestoreError> {
    cx.write(async move |cx, _tx| {
        let permit = cx.permit(Action::RestoreTenant, &TenantWide)?;
        let restored = Restored {
            backup_created_at,
            sessions_ended: None,
        };
        Ok(Recorded::new(permit, (), event(cx, restored)))
    })
    .await
}

fn event(cx: &Cx, restored: Restored) -> Event {
    Event::TenantRestored {
        tenant_id: cx.tenant_id(),
        restored,
    }
}
