//! The sessions of any user, for whoever governs them.

use super::{UserError, end_sessions, find_user_in};
use crate::cx::Cx;
use crate::outcome::{Disclosed, Recorded};
use keyward_model::{EndReason, Ended, Event, Page, PageRequest, Session, SessionId, UserId};
use keyward_policy::Action;

/// The live sessions of a user, oldest first.
///
/// # Errors
/// [`UserError`].
pub async fn list_user_sessions(
    cx: &Cx,
    id: UserId,
    page: PageRequest,
) -> Result<Page<Session>, UserError> {
    cx.read(async move |cx, tx| {
        let user = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::ListUserSessions, &user)?;
        let sessions = tx.list_live_sessions(id, cx.now(), page).await?;
        Ok(Disclosed::new(permit, sessions))
    })
    .await
}

/// Ends every session of a user; gives how many. Their devices are known no more either: whoever is put out everywhere may
/// be somebody else.
///
/// # Errors
/// [`UserError`].
pub async fn revoke_user_sessions(cx: &Cx, id: UserId) -> Result<usize, UserError> {
    cx.govern(async move |cx, tx| {
        let user = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::RevokeUserSessions, &user)?;
        tx.hold_user(id).await?;
        let events = end_sessions(cx, tx, id, EndReason::RevokedByAdministrator).await?;
        tx.forget_known_devices(id).await?;
        Ok(Recorded::all(permit, events.len(), events))
    })
    .await
}

/// Ends a session, whosever it is.
///
/// # Errors
/// [`UserError`]; one that has ended is as if it did not exist.
pub async fn revoke_any_session(cx: &Cx, id: SessionId) -> Result<(), UserError> {
    cx.govern(async move |cx, tx| {
        let found = tx.find_session(id).await?.ok_or(UserError::NotFound)?;
        let permit = cx.permit(Action::RevokeAnySession, &found)?;
        tx.hold_user(found.user_id).await?;
        let (at, reason) = (cx.now(), EndReason::RevokedByAdministrator);
        let ended = tx.end_session(id, Ended { at, reason }).await?;
        let session = ended.ok_or(UserError::NotFound)?;
        let event = Event::SessionRevoked { session, reason };
        Ok(Recorded::new(permit, (), event))
    })
    .await
}
