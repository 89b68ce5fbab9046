//! A user's own sessions: the one they act in, all of them, and their ends.

use crate::cx::Cx;
use crate::outcome::{Disclosed, Recorded};
use keyward_model::{EndReason, Ended, Event, Page, PageRequest, Session, SessionId, UserId};
use keyward_policy::{Action, Denied};
use keyward_store::KnownSession;
use std::sync::Arc;

/// Why a session was not shown or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is none, it is somebody else's, or it has ended.
    #[error("no such session")]
    NotFound,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// Which of the caller's sessions to end at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All but the one that the caller acts in.
    Others,
    /// All of them.
    All,
}

/// The session that the caller acts in, with its user and tenant. The request's own check has read it: nothing is asked again.
///
/// # Errors
/// [`SessionError`].
pub fn read_current_session(cx: &Cx) -> Result<Arc<KnownSession>, SessionError> {
    let known = cx.known_session().ok_or(SessionError::NotFound)?;
    let permit = cx.permit(Action::ReadSession, known.as_ref())?;
    Ok(cx.give(Disclosed::new(permit, known.clone())))
}

/// The caller's live sessions, oldest first.
///
/// # Errors
/// [`SessionError`].
pub async fn list_own_sessions(cx: &Cx, page: PageRequest) -> Result<Page<Session>, SessionError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListSessions, cx.principal())?;
        let user_id = caller(cx)?;
        Ok(Disclosed::new(
            permit,
            tx.list_live_sessions(user_id, cx.now(), page).await?,
        ))
    })
    .await
}

/// Ends the session that the caller acts in.
///
/// # Errors
/// [`SessionError`].
pub async fn sign_out(cx: &Cx) -> Result<(), SessionError> {
    let id = cx.principal().session_id().ok_or(SessionError::NotFound)?;
    end_session(cx, Action::SignOut, id, EndReason::SignedOut).await
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// [`SessionError`]; somebody else's is as if it did not exist.
pub async fn revoke_session(cx: &Cx, id: SessionId) -> Result<(), SessionError> {
    end_session(cx, Action::RevokeSession, id, EndReason::RevokedByUser).await
}

/// Ends several of the caller's sessions; gives how many.
///
/// # Errors
/// [`SessionError`].
pub async fn revoke_sessions(cx: &Cx, which: Which) -> Result<usize, SessionError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RevokeSession, cx.principal())?;
        let kept = match which {
            Which::Others => cx.principal().session_id(),
            Which::All => None,
        };
        let reason = EndReason::RevokedByUser;
        let ended = tx
            .end_sessions_of_user(
                caller(cx)?,
                kept,
                Ended {
                    at: cx.now(),
                    reason,
                },
            )
            .await?;
        let count = ended.len();
        let events = ended
            .into_iter()
            .map(|session| Event::SessionRevoked { session, reason })
            .collect();
        Ok(Recorded::all(permit, count, events))
    })
    .await
}

async fn end_session(
    cx: &Cx,
    action: Action,
    id: SessionId,
    reason: EndReason,
) -> Result<(), SessionError> {
    cx.write(async move |cx, tx| {
        let found = tx.find_session(id).await?.ok_or(SessionError::NotFound)?;
        let permit = cx.permit(action, &found)?;
        let end = Ended {
            at: cx.now(),
            reason,
        };
        let session = tx
            .end_session(id, end)
            .await?
            .ok_or(SessionError::NotFound)?;
        Ok(Recorded::new(
            permit,
            (),
            Event::SessionRevoked { session, reason },
        ))
    })
    .await
}

fn caller(cx: &Cx) -> Result<UserId, SessionError> {
    cx.principal().user_id().ok_or(SessionError::NotFound)
}
