//! A signed-in user shows their password once more: to set another, or to prove anew who they are.
//!
//! Either ends the session that they act in and gives another, with an id of its own (ASVS V7.2.4). Attempts are counted in
//! the session: whoever has only taken it over gets no further than a stranger does, and what strangers try at the account
//! keeps nobody from this.

use crate::cx::Cx;
use crate::hashing::HashingError;
use crate::keyring::KeyringError;
use crate::known_devices::Recognition;
use crate::opening::{Opening, OpeningError, ended_event};
use crate::outcome::Recorded;
use crate::passwords::{ChoiceError, Owner, hash_chosen};
use crate::signed_in::SignedIn;
use crate::signing::{KeyAtHand, find_signing_key};
use crate::throttling::{Counted, TooManyAttempts, count_in_session};
use keyward_crypto::Verdict;
use keyward_model::{
    Device, EndReason, Ended, Event, Password, PasswordHash, SessionId, SignInSubject, Tenant, User,
};
use keyward_policy::{Action, Denied};
use keyward_store::KnownSession;
use std::sync::Arc;

/// What a user presents to set another password.
#[derive(Debug)]
pub struct ChangePassword {
    /// The one that they have.
    pub current: Arc<Password>,
    /// The one that they want.
    pub new: Arc<Password>,
}

/// Why a user has no other password, or session.
#[derive(Debug, thiserror::Error)]
pub enum OwnPasswordError {
    /// It is not the user's.
    #[error("the password is wrong")]
    WrongPassword,
    /// Too many were tried already.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// The new one is weak, or could not be hashed.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The account, or the session, changed at the same moment.
    #[error("the account was changed meanwhile")]
    Changed,
    /// The password could not be verified.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The tenant's keys could not be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// What was read before the password was verified, and that it was right.
struct Proven {
    tenant: Tenant,
    key: KeyAtHand,
    user: User,
    subject: SignInSubject,
    session_id: SessionId,
    device: Device,
    counted: Counted,
}

/// Sets another password, ends every session of the user, and opens a new one on the same device. Devices that were known by
/// the old password are known no longer.
///
/// # Errors
/// [`OwnPasswordError`].
pub async fn change_password(
    cx: &Cx,
    command: ChangePassword,
) -> Result<SignedIn, OwnPasswordError> {
    let proven = prove(cx, Action::ChangePassword, command.current).await?;
    let owner = Owner {
        email: &proven.user.email,
        name: proven.user.name.as_ref(),
    };
    let hash = hash_chosen(cx.platform(), command.new, owner).await;
    if hash.is_err() {
        // The password was right; what was wrong with the new one is no attempt.
        proven.counted.take_back(cx, Action::ChangePassword).await;
    }
    replace(cx, proven, hash?).await
}

async fn replace(
    cx: &Cx,
    proven: Proven,
    hash: PasswordHash,
) -> Result<SignedIn, OwnPasswordError> {
    let Proven {
        tenant,
        key,
        subject,
        device,
        counted,
        ..
    } = proven;
    let of_new_password = SignInSubject {
        password_version: subject.password_version + 1,
        ..subject.clone()
    };
    let recognition = Recognition::prepare(cx, &tenant.settings, &of_new_password, None);
    let opening = Opening::prepare(cx, (tenant, key), subject.user_id, device)?;
    let (opening, opened, user, device_token) = cx
        .write::<_, OwnPasswordError, _>(async move |cx, tx| {
            let changed = tx.change_password(&subject, &hash).await?;
            let user = changed.ok_or(OwnPasswordError::Changed)?;
            let permit = cx.permit(Action::ChangePassword, &user)?;
            let mut events = vec![Event::PasswordChanged { user: user.clone() }];
            let end = Ended {
                at: cx.now(),
                reason: EndReason::PasswordChanged,
            };
            let ended = tx.end_sessions_of_user(user.id, None, end).await?;
            events.extend(ended.into_iter().filter_map(ended_event));
            let (opened, of_opening) = opening.write(cx, tx, false).await?;
            events.extend(of_opening);
            events.extend(counted.succeed(tx, cx.now()).await?);
            let device_token = recognition.settle(tx).await?;
            let value = (opening, opened, user, device_token);
            Ok(Recorded::all(permit, value, events))
        })
        .await?;
    Ok(opening.finish(cx, opened, user, device_token).await?)
}

/// Ends the session that the caller acts in and opens another, in which they have just proven who they are (ASVS V7.5.3).
///
/// # Errors
/// [`OwnPasswordError`].
pub async fn reauthenticate(
    cx: &Cx,
    password: Arc<Password>,
) -> Result<SignedIn, OwnPasswordError> {
    let Proven {
        tenant,
        key,
        user,
        subject,
        session_id,
        device,
        counted,
    } = prove(cx, Action::Reauthenticate, password).await?;
    let opening = Opening::prepare(cx, (tenant, key), user.id, device)?;
    let (opening, opened, user) = cx
        .write::<_, OwnPasswordError, _>(async move |cx, tx| {
            // Compared and set as at a sign-in: the password that was shown is the one that the account has.
            let address = opening.session().address.clone();
            let admitted = tx.admit_sign_in(&subject, cx.now(), address).await?;
            let user = admitted.ok_or(OwnPasswordError::Changed)?;
            let permit = cx.permit(Action::Reauthenticate, &user)?;
            let end = Ended {
                at: cx.now(),
                reason: EndReason::Reauthenticated,
            };
            let ended = tx.end_session(session_id, end).await?;
            let mut events: Vec<Event> = ended.and_then(ended_event).into_iter().collect();
            let (opened, of_opening) = opening.write(cx, tx, false).await?;
            events.extend(of_opening);
            events.extend(counted.succeed(tx, cx.now()).await?);
            Ok(Recorded::all(permit, (opening, opened, user), events))
        })
        .await?;
    Ok(opening.finish(cx, opened, user, None).await?)
}

async fn prove(
    cx: &Cx,
    action: Action,
    password: Arc<Password>,
) -> Result<Proven, OwnPasswordError> {
    let known = cx.known_session().ok_or(Denied { action })?;
    let (user_id, session_id, device) = (known.user_id, known.session_id, device_of(known));
    let (now, kept) = (cx.now(), cx.platform().parsed_keys().signer(cx.tenant_id()));
    let (tenant, key, user, subject) = cx
        .prepare(async move |tx| {
            Ok((
                tx.find_tenant().await?,
                find_signing_key(tx, now, kept).await?,
                tx.find_user(user_id).await?,
                tx.find_sign_in_subject_of(user_id).await?,
            ))
        })
        .await?;
    let (tenant, key) = tenant.zip(key).ok_or(KeyringError::Missing)?;
    let (user, subject) = user.zip(subject).ok_or(OwnPasswordError::Changed)?;
    let counted: Counted =
        count_in_session::<OwnPasswordError>(cx, action, &tenant.settings).await?;
    let hash = subject.password_hash.clone();
    let hashing = cx.platform().hashing();
    let verified = hashing.verify(password, hash, cx.presence()).await;
    if verified.is_err() {
        // Nothing was learned from it.
        counted.take_back(cx, action).await;
    }
    match verified? {
        Verdict::Right { .. } => Ok(Proven {
            tenant,
            key,
            user,
            subject,
            session_id,
            device,
            counted,
        }),
        Verdict::Wrong => Err(refuse(cx, action, user, session_id).await?),
    }
}

async fn refuse(
    cx: &Cx,
    action: Action,
    user: User,
    session_id: SessionId,
) -> Result<OwnPasswordError, OwnPasswordError> {
    cx.write::<_, OwnPasswordError, _>(async move |cx, _tx| {
        let permit = cx.permit(action, &user)?;
        let user_id = user.id;
        let event = Event::PasswordRefused {
            user_id,
            session_id,
        };
        Ok(Recorded::refused(permit, (), event))
    })
    .await?;
    Ok(OwnPasswordError::WrongPassword)
}

fn device_of(known: &KnownSession) -> Device {
    Device {
        name: known.device_name().map(str::to_owned),
        fingerprint: known.device_fingerprint().map(str::to_owned),
        priority: known.device_priority,
    }
}

impl From<OpeningError> for OwnPasswordError {
    fn from(error: OpeningError) -> Self {
        match error {
            // There is room for the one that takes another's place, unless the limit was lowered at this moment.
            OpeningError::TooManySessions => Self::Changed,
            OpeningError::Keyring(error) => Self::Keyring(error),
            OpeningError::Store(error) => Self::Store(error),
        }
    }
}
