//! The users of a tenant, as its administrators and operators see and govern them.

mod changing;
mod creation;
mod sessions;
mod status;

pub use changing::{ChangeUser, change_user};
pub use creation::{Access, CreateUser, CreatedUser, create_user};
pub use sessions::{list_user_sessions, revoke_any_session, revoke_user_sessions};
pub use status::{delete_user, disable_user, enable_user, restore_user, unlock_user};
pub(crate) use status::{erasure, erasure_key};

use crate::cx::{Cx, TenantWide};
use crate::outcome::Disclosed;
use crate::passwords::ChoiceError;
use keyward_model::{
    EndReason, Ended, Event, Page, PageRequest, Role, User, UserFilter, UserId, UserStatus,
};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;

/// Why no user was shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The tenant has no such user.
    #[error("no such user")]
    NotFound,
    /// Another account has the address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The tenant would be left without an active administrator.
    #[error("this is the last active administrator")]
    LastAdministrator,
    /// In the status that the user is in this cannot be done.
    #[error("the user's status does not allow this")]
    WrongStatus(UserStatus),
    /// The user is not of a version that the change is meant for.
    #[error("the user is of another version")]
    OtherVersion,
    /// Another request changed the user at the same moment.
    #[error("the user was changed meanwhile")]
    Changed,
    /// The password is weak, or could not be hashed.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// The users that match, oldest first.
///
/// # Errors
/// [`UserError`].
pub async fn list_users(
    cx: &Cx,
    filter: UserFilter,
    page: PageRequest,
) -> Result<Page<User>, UserError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListUsers, &TenantWide)?;
        Ok(Disclosed::new(permit, tx.list_users(&filter, page).await?))
    })
    .await
}

/// One user.
///
/// # Errors
/// [`UserError`].
pub async fn read_user(cx: &Cx, id: UserId) -> Result<User, UserError> {
    cx.read(async move |cx, tx| {
        let user = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::ReadUser, &user)?;
        Ok(Disclosed::new(permit, user))
    })
    .await
}

pub(crate) async fn find_user_in(tx: &mut TenantTx<'_>, id: UserId) -> Result<User, UserError> {
    tx.find_user(id).await?.ok_or(UserError::NotFound)
}

/// Refuses to take the rights of the last active administrator. Every way in which a tenant can lose one leads through
/// here, inside of [`Cx::govern`]: of two at once the second counts what the first has left.
async fn keep_an_administrator(tx: &mut TenantTx<'_>, user: &User) -> Result<(), UserError> {
    let governs = user.role == Role::Administrator && user.status == UserStatus::Active;
    match governs && tx.find_other_administrator(user.id).await?.is_none() {
        true => Err(UserError::LastAdministrator),
        false => Ok(()),
    }
}

/// Ends the sessions of a user whose row this transaction has changed already, which keeps new ones out.
async fn end_sessions(
    cx: &Cx,
    tx: &mut TenantTx<'_>,
    id: UserId,
    reason: EndReason,
) -> Result<Vec<Event>, UserError> {
    let at = cx.now();
    let ended = tx
        .end_sessions_of_user(id, None, Ended { at, reason })
        .await?;
    let events = ended
        .into_iter()
        .map(|session| Event::SessionRevoked { session, reason });
    Ok(events.collect())
}
