//! Signing in with a password: count the attempt, verify, then open a session if the account is still what it was.

use crate::cx::{Cx, TenantWide};
use crate::hashing::HashingError;
use crate::keyring::KeyringError;
use crate::known_devices::{Recognition, presented_digest};
use crate::opening::{Opening, OpeningError};
use crate::outcome::Recorded;
use crate::signed_in::SignedIn;
use crate::signing::{KeyAtHand, find_signing_key};
use crate::throttling::{About, Counted, PasswordCounts, PasswordDigests, TooManyAttempts};
use keyward_crypto::Verdict;
use keyward_model::{
    Device, DeviceTokenSecret, EmailAddress, Event, Password, PasswordHash, Principal,
    SignInFailure, SignInSubject, Tenant, UserId, UserStatus,
};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;
use std::sync::Arc;

/// What a user presents.
#[derive(Debug)]
pub struct SignIn {
    /// Which account.
    pub email: EmailAddress,
    /// Its password.
    pub password: Arc<Password>,
    /// On which device.
    pub device: Device,
    /// What that device was given when its user last signed in on it.
    pub device_token: Option<DeviceTokenSecret>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown, wrong or disabled: one answer for all.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password was right, and the user has as many sessions as there may be.
    #[error("the user has as many sessions as there may be")]
    TooManySessions,
    /// Too many were tried already.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
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

/// What is read before the password is verified.
struct Facts {
    tenant: Tenant,
    key: KeyAtHand,
    subject: Option<SignInSubject>,
    counts: PasswordCounts,
}

/// Signs a user in.
///
/// # Errors
/// [`SignInError`]. Unknown, wrong and disabled take the same way through the same work (ASVS V6.3.8).
pub async fn sign_in(cx: &Cx, command: SignIn) -> Result<SignedIn, SignInError> {
    let Facts {
        tenant,
        key,
        subject,
        counts,
    } = find_facts(cx, &command).await?;
    let user_id = subject.as_ref().map(|subject| subject.user_id);
    let email = command.email.clone();
    let about = About {
        user_id,
        email: email.clone(),
    };
    let device_id = counts.device;
    let counted: Counted = counts
        .count::<SignInError>(cx, &tenant.settings, about)
        .await?;
    let hash = subject
        .as_ref()
        .and_then(|subject| subject.password_hash.clone());
    let verified = cx
        .platform()
        .hashing()
        .verify(command.password.clone(), hash, cx.presence())
        .await;
    if verified.is_err() {
        // Nothing was learned from it.
        counted.take_back(cx, Action::SignIn).await;
    }
    match (subject, verified?) {
        (Some(subject), Verdict::Right { outdated }) if subject.status == UserStatus::Active => {
            let upgrade = match outdated {
                true => upgrade_hash(cx, command.password).await,
                false => None,
            };
            let known = device_id.zip(command.device_token);
            let proven = Proven {
                recognition: Recognition::prepare(cx, &tenant.settings, &subject, known),
                device: command.device,
                subject,
                counted,
                upgrade,
            };
            open_session(cx, tenant, key, proven).await
        }
        (subject, verdict) => {
            let reason = reason_for(subject.as_ref(), verdict);
            refuse(cx, email, user_id, reason).await
        }
    }
}

fn reason_for(subject: Option<&SignInSubject>, verdict: Verdict) -> SignInFailure {
    match (subject.map(|subject| subject.status), verdict) {
        (None, _) => SignInFailure::UnknownUser,
        (Some(UserStatus::Invited), _) => SignInFailure::Invited,
        (Some(_), Verdict::Wrong) => SignInFailure::WrongPassword,
        (Some(UserStatus::Disabled), Verdict::Right { .. }) => SignInFailure::Disabled,
        (Some(UserStatus::Deleting), Verdict::Right { .. }) => SignInFailure::Deleting,
        (Some(UserStatus::Active), Verdict::Right { .. }) => SignInFailure::ChangedMeanwhile,
    }
}

async fn find_facts(cx: &Cx, command: &SignIn) -> Result<Facts, SignInError> {
    let (now, kept) = (cx.now(), cx.platform().parsed_keys().signer(cx.tenant_id()));
    let email = command.email.clone();
    let token = presented_digest(command.device_token.as_ref());
    let digests = PasswordDigests::of(cx, &email, token);
    let (tenant, key, subject, counts) = cx
        .prepare(async move |tx| {
            Ok((
                tx.find_tenant().await?,
                find_signing_key(tx, now, kept).await?,
                tx.find_sign_in_subject(&email).await?,
                digests.find(tx, &email, now).await?,
            ))
        })
        .await?;
    match (tenant, key) {
        (Some(tenant), Some(key)) => Ok(Facts {
            tenant,
            key,
            subject,
            counts,
        }),
        _ => Err(KeyringError::Missing.into()),
    }
}

/// A hash at today's cost. Without one the old one does: whoever has proven the password gets in.
async fn upgrade_hash(cx: &Cx, password: Arc<Password>) -> Option<PasswordHash> {
    let hashed = cx.platform().hash(password).await;
    hashed
        .inspect_err(|error| tracing::warn!(%error, "an outdated password hash was kept"))
        .ok()
}

async fn refuse(
    cx: &Cx,
    email: EmailAddress,
    user_id: Option<UserId>,
    reason: SignInFailure,
) -> Result<SignedIn, SignInError> {
    cx.write::<_, SignInError, _>(async move |cx, _tx| {
        let permit = cx.permit(Action::SignIn, &TenantWide)?;
        Ok(Recorded::refused(
            permit,
            (),
            Event::SignInRefused {
                user_id,
                email,
                reason,
            },
        ))
    })
    .await?;
    Err(SignInError::InvalidCredentials)
}

/// What a session is opened with, once the password was right.
struct Proven {
    subject: SignInSubject,
    counted: Counted,
    device: Device,
    recognition: Recognition,
    upgrade: Option<PasswordHash>,
}

async fn open_session(
    cx: &Cx,
    tenant: Tenant,
    key: KeyAtHand,
    proven: Proven,
) -> Result<SignedIn, SignInError> {
    let Proven {
        subject,
        counted,
        device,
        recognition,
        upgrade,
    } = proven;
    let (user_id, right) = (subject.user_id, counted.clone());
    let opening = Opening::prepare(cx, (tenant, key), user_id, device)?;
    let written = cx
        .write::<_, SignInError, _>(async move |cx, tx| {
            let permit = cx.permit(Action::SignIn, &TenantWide)?;
            let session = opening.session();
            let Some(user) = tx
                .admit_sign_in(&subject, cx.now(), session.address.clone())
                .await?
            else {
                return Ok(Recorded::refused(
                    permit,
                    None,
                    changed_meanwhile(tx, &subject).await?,
                ));
            };
            let hash_upgraded = match upgrade {
                Some(hash) => tx.upgrade_password_hash(&subject, &hash).await?,
                None => false,
            };
            let actor = Principal::User {
                tenant_id: cx.tenant_id(),
                user_id: user.id,
                session_id: session.id,
                role: user.role,
            };
            let (opened, mut events) = opening.write(cx, tx, hash_upgraded).await?;
            events.extend(counted.succeed(tx, cx.now()).await?);
            let device_token = recognition.settle(tx).await?;
            let value = Some((opening, opened, user, device_token));
            Ok(Recorded::all(permit, value, events).acting_as(actor))
        })
        .await;
    if let Err(SignInError::TooManySessions) = &written {
        refuse_surplus(cx, user_id, right).await?;
    }
    let (opening, opened, user, device_token) = written?.ok_or(SignInError::InvalidCredentials)?;
    Ok(opening.finish(cx, opened, user, device_token).await?)
}

/// Records that a user was refused who has as many sessions as there may be. The password was right: that is no attempt.
async fn refuse_surplus(cx: &Cx, user_id: UserId, counted: Counted) -> Result<(), SignInError> {
    cx.write::<_, SignInError, _>(async move |cx, tx| {
        let permit = cx.permit(Action::SignIn, &TenantWide)?;
        let user = tx.find_user(user_id).await?;
        let user = user.ok_or(SignInError::InvalidCredentials)?;
        let mut events = vec![Event::SignInRefused {
            user_id: Some(user.id),
            email: user.email,
            reason: SignInFailure::TooManySessions,
        }];
        events.extend(counted.succeed(tx, cx.now()).await?);
        Ok(Recorded::all(permit, (), events))
    })
    .await
}

async fn changed_meanwhile(
    tx: &mut TenantTx<'_>,
    subject: &SignInSubject,
) -> Result<Event, SignInError> {
    let user = tx
        .find_user(subject.user_id)
        .await?
        .ok_or(SignInError::InvalidCredentials)?;
    Ok(Event::SignInRefused {
        user_id: Some(user.id),
        email: user.email,
        reason: SignInFailure::ChangedMeanwhile,
    })
}

impl From<OpeningError> for SignInError {
    fn from(error: OpeningError) -> Self {
        match error {
            OpeningError::TooManySessions => Self::TooManySessions,
            OpeningError::Keyring(error) => Self::Keyring(error),
            OpeningError::Store(error) => Self::Store(error),
        }
    }
}
