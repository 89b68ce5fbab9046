//! After a restore: what was revoked since the backup must not live again.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use keyward_model::{EndReason, Ended, Event, Restored, SessionId, Timestamp};
use keyward_policy::{Action, Denied};

/// How many sessions, and invitations, are ended in one transaction: a table of millions is locked and logged in small pieces.
const ENDED_AT_ONCE: u32 = 5_000;

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
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// Records in the tenant of `cx` that it was brought back from a backup, and ends its sessions and its invitations, each piece
/// in a transaction with its own record. Gives how many it ended. Whoever was cut off runs it again: what has ended stays
/// ended.
///
/// # Errors
/// [`RestoreError`]; the pieces before it stand.
pub async fn settle_restore(cx: &Cx, command: SettleRestore) -> Result<Settled, RestoreError> {
    let mut total = Settled::default();
    if command.keep_sessions {
        record_kept(cx, command.backup_created_at).await?;
        return Ok(total);
    }
    let (mut after, full) = (None, u64::from(ENDED_AT_ONCE));
    loop {
        let (ended, last) = end_piece(cx, command.backup_created_at, after).await?;
        total += ended;
        after = last.or(after);
        if ended.sessions < full && ended.invitations < full {
            return Ok(total);
        }
    }
}

/// Ends what comes next; how much that was, and the last of the sessions.
async fn end_piece(
    cx: &Cx,
    backup_created_at: Option<Timestamp>,
    after: Option<SessionId>,
) -> Result<(Settled, Option<SessionId>), RestoreError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RestoreTenant, &TenantWide)?;
        let end = Ended {
            at: cx.now(),
            reason: EndReason::Restored,
        };
        let sessions = tx.end_sessions_after(after, ENDED_AT_ONCE, end).await?;
        let ended = Settled {
            sessions: sessions.len() as u64,
            // One that was withdrawn since, or accepted, would let in whoever has the old link.
            invitations: tx.void_invitations(ENDED_AT_ONCE).await?,
        };
        let restored = Restored {
            backup_created_at,
            sessions_ended: Some(ended.sessions),
            invitations_ended: ended.invitations,
        };
        let last = sessions.iter().copied().max();
        Ok(Recorded::new(permit, (ended, last), event(cx, restored)))
    })
    .await
}

async fn record_kept(cx: &Cx, backup_created_at: Option<Timestamp>) -> Result<(), RestoreError> {
    cx.write(async move |cx, _tx| {
        let permit = cx.permit(Action::RestoreTenant, &TenantWide)?;
        let restored = Restored {
            backup_created_at,
            sessions_ended: None,
            invitations_ended: 0,
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
