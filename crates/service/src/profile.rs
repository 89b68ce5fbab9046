//! A user's own profile.

use crate::cx::Cx;
use crate::outcome::{Disclosed, Recorded};
use keyward_model::{Change, DisplayName, Event, User};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;

/// What a user changes of their own profile.
#[derive(Debug)]
pub struct ChangeProfile {
    /// How they want to be called.
    pub name: Change<Option<DisplayName>>,
}

/// Why a profile was not shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is no such user any more.
    #[error("no such user")]
    NotFound,
    /// Another request changed it at the same moment.
    #[error("the profile was changed meanwhile")]
    Changed,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// The caller's profile.
///
/// # Errors
/// [`ProfileError`].
pub async fn read_profile(cx: &Cx) -> Result<User, ProfileError> {
    cx.read(async move |cx, tx| {
        let user = find_caller(cx, tx).await?;
        let permit = cx.permit(Action::ReadProfile, &user)?;
        Ok(Disclosed::new(permit, user))
    })
    .await
}

/// Changes the caller's profile.
///
/// # Errors
/// [`ProfileError`].
pub async fn change_profile(cx: &Cx, command: ChangeProfile) -> Result<User, ProfileError> {
    cx.write(async move |cx, tx| {
        let before = find_caller(cx, tx).await?;
        let permit = cx.permit(Action::ChangeProfile, &before)?;
        let name = command.name.over(before.name.clone());
        if before.name == name {
            return Ok(Recorded::unchanged(permit, before));
        }
        let changed = tx
            .change_profile(before.id, before.version, name.as_ref())
            .await?;
        let after = changed.ok_or(ProfileError::Changed)?;
        Ok(Recorded::new(
            permit,
            after.clone(),
            Event::ProfileChanged { before, after },
        ))
    })
    .await
}

async fn find_caller(cx: &Cx, tx: &mut TenantTx<'_>) -> Result<User, ProfileError> {
    let id = cx.principal().user_id().ok_or(ProfileError::NotFound)?;
    tx.find_user(id).await?.ok_or(ProfileError::NotFound)
}
