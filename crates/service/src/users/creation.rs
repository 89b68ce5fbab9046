//! Accounts that are made for somebody.

use super::UserError;
use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use crate::registration::new_user;
use keyward_model::{DisplayName, EmailAddress, Event, Password, Role, User};
use keyward_policy::Action;
use std::sync::Arc;

/// A new account.
#[derive(Debug)]
pub struct CreateUser {
    /// Unique in the tenant.
    pub email: EmailAddress,
    /// How they want to be called.
    pub name: Option<DisplayName>,
    /// What they may do.
    pub role: Role,
    /// Long enough already.
    pub password: Arc<Password>,
}

/// Makes an account with a password that its administrator chose.
///
/// # Errors
/// [`UserError`].
pub async fn create_user(cx: &Cx, command: CreateUser) -> Result<User, UserError> {
    let hash = cx.platform().hash(command.password).await?;
    let user = new_user(cx, command.email, command.name, command.role);
    cx.govern(async move |cx, tx| {
        let permit = cx.permit(Action::CreateUser, &TenantWide)?;
        let made = tx.insert_user(&user, Some(&hash)).await?;
        let user = made.ok_or(UserError::EmailTaken)?;
        let event = Event::UserCreated { user: user.clone() };
        Ok(Recorded::new(permit, user, event))
    })
    .await
}
