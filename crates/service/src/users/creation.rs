//! Accounts that are made for somebody.

use super::UserError;
use crate::cx::{Cx, TenantWide};
use crate::invitations::{IssuedInvitation, keep_invitation, new_invitation};
use crate::outcome::Recorded;
use crate::passwords::{Owner, hash_chosen};
use crate::registration::new_user;
use crate::throttling::forget_account;
use keyward_model::{DisplayName, EmailAddress, Event, Password, Role, User, UserStatus};
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
    /// How they get in.
    pub access: Access,
}

/// How the user of a new account gets in.
#[derive(Debug)]
pub enum Access {
    /// By a password that is told to them. Long enough already.
    Password(Arc<Password>),
    /// By an invitation, with which they set one.
    Invitation,
}

/// An account that was made.
#[derive(Debug)]
pub struct CreatedUser {
    /// As it is now.
    pub user: User,
    /// How they get in, if they were given no password.
    pub invitation: Option<IssuedInvitation>,
}

/// Makes an account for somebody.
///
/// # Errors
/// [`UserError`].
pub async fn create_user(cx: &Cx, command: CreateUser) -> Result<CreatedUser, UserError> {
    let mut user = new_user(cx, command.email, command.name, command.role);
    let (hash, invitation) = match command.access {
        Access::Password(password) => {
            let owner = Owner {
                email: &user.email,
                name: user.name.as_ref(),
            };
            (
                Some(hash_chosen(cx.platform(), password, owner).await?),
                None,
            )
        }
        Access::Invitation => {
            user.status = UserStatus::Invited;
            (None, Some(new_invitation(cx, user.id)))
        }
    };
    cx.govern(async move |cx, tx| {
        let permit = cx.permit(Action::CreateUser, &TenantWide)?;
        let made = tx.insert_user(&user, hash.as_ref()).await?;
        let user = made.ok_or(UserError::EmailTaken)?;
        // What strangers tried before there was an account is not held against it.
        forget_account(cx, tx, &user.email).await?;
        let mut events = vec![Event::UserCreated { user: user.clone() }];
        let mut issued = None;
        if let Some(invitation) = invitation {
            let (shown, event) = keep_invitation(tx, &user, invitation).await?;
            issued = Some(shown);
            events.push(event);
        }
        let created = CreatedUser {
            user,
            invitation: issued,
        };
        Ok(Recorded::all(permit, created, events))
    })
    .await
}
