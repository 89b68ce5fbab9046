//! Making an account for oneself.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Recorded;
use crate::passwords::{ChoiceError, Owner, hash_chosen};
use crate::throttling::{TooManyAttempts, count_by_network, forget_account};
use keyward_model::{DisplayName, EmailAddress, Event, Factor, Password, Role, User, UserStatus};
use keyward_policy::{Action, Denied};
use std::sync::Arc;

/// What a new user gives.
#[derive(Debug)]
pub struct RegisterUser {
    /// Unique in the tenant.
    pub email: EmailAddress,
    /// Long enough already.
    pub password: Arc<Password>,
    /// How they want to be called.
    pub name: Option<DisplayName>,
}

/// Why no account was made.
#[derive(Debug, thiserror::Error)]
pub enum RegisterUserError {
    /// The address has one already.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Too many addresses were tried from this network.
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

/// Makes an account with the role of a member. The answer tells whether an address has one, so that attempts are counted; an
/// account that was made gives its own back.
///
/// # Errors
/// [`RegisterUserError`].
pub async fn register_user(cx: &Cx, command: RegisterUser) -> Result<User, RegisterUserError> {
    let action = Action::Register;
    let counted = count_by_network::<RegisterUserError>(cx, action, Factor::Registration).await?;
    let owner = Owner {
        email: &command.email,
        name: command.name.as_ref(),
    };
    let hashed = hash_chosen(cx.platform(), command.password, owner).await;
    if hashed.is_err() {
        counted.take_back(cx, action).await;
    }
    let hash = hashed?;
    let user = new_user(cx, command.email, command.name, Role::Member);
    let made = cx
        .write::<_, RegisterUserError, _>(async move |cx, tx| {
            let permit = cx.permit(Action::Register, &TenantWide)?;
            Ok(match tx.insert_user(&user, Some(&hash)).await? {
                Some(user) => {
                    counted.succeed(tx, cx.now()).await?;
                    // What strangers tried before there was an account is not held against it.
                    forget_account(cx, tx, &user.email).await?;
                    Recorded::new(permit, Some(user.clone()), Event::UserRegistered { user })
                }
                None => Recorded::refused(
                    permit,
                    None,
                    Event::RegistrationRefused { email: user.email },
                ),
            })
        })
        .await?;
    made.ok_or(RegisterUserError::EmailTaken)
}

/// A user as it begins.
pub(crate) fn new_user(
    cx: &Cx,
    email: EmailAddress,
    name: Option<DisplayName>,
    role: Role,
) -> User {
    User {
        id: cx.platform().mint(cx.now()),
        email,
        name,
        role,
        status: UserStatus::Active,
        created_at: cx.now(),
        last_sign_in_at: None,
        last_sign_in_address: None,
        deletes_at: None,
        version: 1,
    }
}
