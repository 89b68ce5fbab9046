//! Changes of an account by somebody who governs it.

use super::{UserError, end_sessions, find_user_in, keep_an_administrator};
use crate::cx::Cx;
use crate::outcome::Recorded;
use crate::throttling::forget_account;
use keyward_model::{
    Change, DisplayName, EmailAddress, EndReason, Event, Expected, Role, User, UserId, UserStatus,
};
use keyward_policy::Action;
use keyward_store::{Error, TenantTx};

/// What is to be changed.
#[derive(Debug)]
pub struct ChangeUser {
    /// Of whom.
    pub user_id: UserId,
    /// Of which version.
    pub expected: Expected,
    /// Their address, unique in the tenant.
    pub email: Change<EmailAddress>,
    /// How they are called.
    pub name: Change<Option<DisplayName>>,
    /// What they may do.
    pub role: Change<Role>,
}

/// Changes an account. Whoever gets another role has no session left: the new rights begin with a new one.
///
/// # Errors
/// [`UserError`].
pub async fn change_user(cx: &Cx, command: ChangeUser) -> Result<User, UserError> {
    cx.govern(async move |cx, tx| {
        let before = find_user_in(tx, command.user_id).await?;
        let permit = cx.permit(Action::ChangeUser, &before)?;
        if !command.expected.admits(before.version) {
            return Err(UserError::OtherVersion);
        }
        let wanted = User {
            email: command.email.over(before.email.clone()),
            name: command.name.over(before.name.clone()),
            role: command.role.over(before.role),
            ..before.clone()
        };
        if wanted == before {
            return Ok(Recorded::unchanged(permit, before));
        }
        if before.status == UserStatus::Deleting {
            return Err(UserError::WrongStatus(before.status));
        }
        let withdrawn = before.role == Role::Administrator && wanted.role != before.role;
        if withdrawn {
            keep_an_administrator(tx, &before).await?;
        }
        let after = store(tx, &wanted).await?;
        if after.email != before.email {
            // Whoever was given the token may have been the wrong one.
            tx.void_invitation(after.id).await?;
            // And what was tried at an address that was nobody's is not held against its owner.
            forget_account(cx, tx, &after.email).await?;
        }
        // New rights begin with a new session, wherever the old ones are known (ASVS V7.2.4).
        let mut events = match after.role != before.role {
            true => end_sessions(cx, tx, after.id, EndReason::RoleChanged).await?,
            false => Vec::new(),
        };
        let changed = after.clone();
        events.insert(0, Event::UserChanged { before, after });
        Ok(Recorded::all(permit, changed, events))
    })
    .await
}

async fn store(tx: &mut TenantTx<'_>, wanted: &User) -> Result<User, UserError> {
    match tx.change_user(wanted).await {
        Ok(changed) => changed.ok_or(UserError::Changed),
        Err(Error::Conflict { .. }) => Err(UserError::EmailTaken),
        Err(error) => Err(error.into()),
    }
}
