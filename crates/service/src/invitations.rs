//! Invitations: a token that an administrator hands over, and by which a new user sets their first password.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use crate::passwords::{ChoiceError, Owner, hash_chosen};
use crate::throttling::{Counted, TooManyAttempts, count_by_network, forget_account};
use crate::users::{CreatedUser, UserError, find_user_in};
use keyward_crypto::{invitation_digest, mint_invitation};
use keyward_model::{
    DisplayName, Event, Factor, Invitation, InvitationSecret, Password, PasswordHash, Timestamp,
    User, UserId, UserStatus,
};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;
use std::sync::Arc;

/// How long an invitation is good.
const INVITATION_SECONDS: i64 = 7 * 24 * 3_600;

/// An invitation as it is shown, once.
#[derive(Debug)]
pub struct IssuedInvitation {
    /// What the invited user presents.
    pub token: InvitationSecret,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// What an invited user presents.
#[derive(Debug)]
pub struct AcceptInvitation {
    /// As they were given it.
    pub token: InvitationSecret,
    /// Long enough already.
    pub password: Arc<Password>,
    /// How they want to be called, if not as the administrator said.
    pub name: Option<DisplayName>,
}

/// Why an invitation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptInvitationError {
    /// Unknown, used, replaced, expired, or of somebody who may not sign in any more: one answer for all.
    #[error("the invitation is not valid")]
    Invalid,
    /// Too many were tried from this network.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
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

/// Invites a user who has no password yet once more; the former invitation is worth nothing then.
///
/// # Errors
/// [`UserError`].
pub async fn invite_user(cx: &Cx, id: UserId) -> Result<CreatedUser, UserError> {
    let (token, invitation) = new_invitation(cx, id);
    cx.govern(async move |cx, tx| {
        let found = find_user_in(tx, id).await?;
        let permit = cx.permit(Action::InviteUser, &found)?;
        if found.status != UserStatus::Invited {
            return Err(UserError::WrongStatus(found.status));
        }
        let user = tx.invite_user(id).await?.ok_or(UserError::Changed)?;
        let (issued, event) = keep_invitation(tx, &user, (token, invitation)).await?;
        let invitation = Some(issued);
        Ok(Recorded::new(
            permit,
            CreatedUser { user, invitation },
            event,
        ))
    })
    .await
}

/// An invitation that is not kept yet.
pub(crate) fn new_invitation(cx: &Cx, user_id: UserId) -> (InvitationSecret, Invitation) {
    let token = mint_invitation(cx.platform().random());
    let invitation = Invitation {
        user_id,
        digest: invitation_digest(&token),
        created_at: cx.now(),
        expires_at: cx.now().plus_seconds(INVITATION_SECONDS),
    };
    (token, invitation)
}

/// Keeps an invitation, and says how it is shown and recorded.
pub(crate) async fn keep_invitation(
    tx: &mut TenantTx<'_>,
    user: &User,
    (token, invitation): (InvitationSecret, Invitation),
) -> Result<(IssuedInvitation, Event), UserError> {
    tx.replace_invitation(&invitation).await?;
    let expires_at = invitation.expires_at;
    let issued = IssuedInvitation { token, expires_at };
    let user = user.clone();
    Ok((issued, Event::UserInvited { user, expires_at }))
}

/// Sets the first password of whoever was invited. They sign in with it afterwards, like everybody.
///
/// # Errors
/// [`AcceptInvitationError`].
pub async fn accept_invitation(
    cx: &Cx,
    command: AcceptInvitation,
) -> Result<User, AcceptInvitationError> {
    let (digest, now) = (invitation_digest(&command.token), cx.now());
    let (action, factor) = (Action::AcceptInvitation, Factor::Invitation);
    let counted = count_by_network::<AcceptInvitationError>(cx, action, factor).await?;
    // Only whoever has a good token makes us hash.
    let known = cx
        .prepare(
            async move |tx| match tx.find_invited_user(digest, now).await? {
                Some(id) => tx.find_user(id).await,
                None => Ok(None),
            },
        )
        .await?;
    let Some(user) = known else {
        return refuse(cx).await;
    };
    let owner = Owner {
        email: &user.email,
        name: command.name.as_ref().or(user.name.as_ref()),
    };
    let hashed = hash_chosen(cx.platform(), command.password, owner).await;
    if hashed.is_err() {
        // The invitation was good.
        counted.take_back(cx, action).await;
    }
    let accepted = Accepted {
        token: command.token,
        hash: hashed?,
        name: command.name,
        counted,
    };
    match redeem(cx, accepted).await {
        Err(AcceptInvitationError::Invalid) => refuse(cx).await,
        outcome => outcome,
    }
}

/// What an invitation is used up with.
struct Accepted {
    token: InvitationSecret,
    hash: PasswordHash,
    name: Option<DisplayName>,
    counted: Counted,
}

/// The user before the invitation, as whoever invites takes them: so two of them never wait for each other.
async fn redeem(cx: &Cx, accepted: Accepted) -> Result<User, AcceptInvitationError> {
    let Accepted {
        token,
        hash,
        name,
        counted,
    } = accepted;
    let invalid = AcceptInvitationError::Invalid;
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::AcceptInvitation, &TenantWide)?;
        let (digest, now) = (invitation_digest(&token), cx.now());
        let Some(id) = tx.find_invited_user(digest, now).await? else {
            return Err(invalid);
        };
        let Some(before) = tx.find_user(id).await? else {
            return Err(invalid);
        };
        let Some(after) = tx.activate_user(id, &hash, name.as_ref()).await? else {
            return Err(invalid);
        };
        // Nobody could have got in before.
        forget_account(cx, tx, &after.email).await?;
        if !tx.redeem_invitation(digest, now).await? {
            return Err(invalid);
        }
        counted.succeed(tx, now).await?;
        let user = after.clone();
        let event = Event::InvitationAccepted { before, after };
        Ok(Recorded::new(permit, user, event))
    })
    .await
}

async fn refuse(cx: &Cx) -> Result<User, AcceptInvitationError> {
    cx.write::<_, AcceptInvitationError, _>(async |cx, _tx| {
        let permit = cx.permit(Action::AcceptInvitation, &TenantWide)?;
        Ok(Recorded::refused(permit, (), Event::InvitationRefused))
    })
    .await?;
    Err(AcceptInvitationError::Invalid)
}
