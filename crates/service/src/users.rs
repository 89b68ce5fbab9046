//! The users of a tenant, as operators see them.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Disclosed;
use keyward_model::{Page, PageRequest, User};
use keyward_policy::{Action, Denied};

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// The users, oldest first.
///
/// # Errors
/// [`UsersError`].
pub async fn list_users(cx: &Cx, page: PageRequest) -> Result<Page<User>, UsersError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListUsers, &TenantWide)?;
        Ok(Disclosed::new(permit, tx.list_users(page).await?))
    })
    .await
}
