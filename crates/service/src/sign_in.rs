//! Signing in with a password: count the attempt, verify, then open a session if the account is still what it was.

use crate::cx::{Cx, TenantWide};
use crate::hashing::HashingError;
use crate::keyring::KeyringError;
use crate::known_devices::{Recognition, presented_digest};
use crate::outcome::Recorded;
use crate::signing::{KeyAtHand, find_signing_key, hold_signing_key};
use crate::throttling::{About, Counted, PasswordCounts, PasswordDigests, TooManyAttempts};
use keyward_crypto::{
    AccessClaims, TokenSigner, Verdict, mint_refresh_token, refresh_token_digest,
};
use keyward_model::{
    AccessTokenSecret, Device, DeviceTokenSecret, EmailAddress, Event, Password, PasswordHash,
    Principal, RefreshTokenSecret, Session, SignInFailure, SignInSubject, SigningKey, Tenant,
    TokenFamily, User, UserId, UserStatus,
};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;
use std::sync::Arc;

/// The `client_id` of tokens that a user gets by signing in at Keyward itself.
pub const FIRST_PARTY_CLIENT_ID: &str = "first-party";

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

/// A session with its tokens.
#[derive(Debug)]
pub struct SignedIn {
    /// Proves the session, for a short time.
    pub access_token: AccessTokenSecret,
    /// How many seconds that is.
    pub expires_in: i64,
    /// Continues the session.
    pub refresh_token: RefreshTokenSecret,
    /// By which the device is known from now on, if devices are.
    pub device_token: Option<DeviceTokenSecret>,
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown, wrong or disabled: one answer for all.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
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
                session: new_session(cx, &tenant, subject.user_id, command.device),
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
    session: Session,
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
        session,
        recognition,
        upgrade,
    } = proven;
    // Opened before anything is changed: what cannot be signed for is not begun.
    let signer = key.signer(cx.platform(), cx.tenant_id())?;
    let token_ttl_seconds = tenant.settings.access_token_ttl_seconds;
    let refresh_token = mint_refresh_token(cx.platform().random());
    let family = new_family(cx, &session, &refresh_token);
    let opened = cx
        .write::<_, SignInError, _>(async move |cx, tx| {
            let permit = cx.permit(Action::SignIn, &TenantWide)?;
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
            let key = hold_signing_key(tx, cx.now(), token_ttl_seconds).await?;
            let key = key.ok_or(KeyringError::Missing)?;
            tx.insert_session(&session).await?;
            tx.insert_token_family(&family).await?;
            let mut events = vec![Event::SessionOpened {
                session: session.clone(),
                hash_upgraded,
            }];
            events.extend(counted.succeed(tx, cx.now()).await?);
            let device_token = recognition.settle(tx).await?;
            let actor = Principal::User {
                tenant_id: cx.tenant_id(),
                user_id: user.id,
                session_id: session.id,
                role: user.role,
            };
            let opened = Some((session, user, key, device_token));
            Ok(Recorded::all(permit, opened, events).acting_as(actor))
        })
        .await?;
    let (session, user, key, device_token) = opened.ok_or(SignInError::InvalidCredentials)?;
    let claims = claims_of(cx, &tenant, &key, &session);
    let access_token = sign(cx, signer, key, &claims).await?;
    let expires_in = claims.exp - claims.iat;
    Ok(SignedIn {
        access_token,
        expires_in,
        refresh_token,
        device_token,
        session,
        user,
    })
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

fn new_family(cx: &Cx, session: &Session, refresh_token: &RefreshTokenSecret) -> TokenFamily {
    TokenFamily {
        id: cx.platform().mint(cx.now()),
        session_id: session.id,
        client_id: FIRST_PARTY_CLIENT_ID.to_owned(),
        digest: refresh_token_digest(refresh_token),
        generation: 1,
        issued_at: cx.now(),
        rotated_at: None,
        expires_at: session.expires_at,
        revoked: None,
    }
}

fn new_session(cx: &Cx, tenant: &Tenant, user_id: UserId, device: Device) -> Session {
    Session {
        id: cx.platform().mint(cx.now()),
        user_id,
        created_at: cx.now(),
        last_active_at: cx.now(),
        expires_at: cx.now().plus_seconds(tenant.settings.session_ttl_seconds),
        idle_seconds: tenant.settings.session_idle_seconds,
        address: cx.client().address.map(|address| address.to_string()),
        user_agent: cx.client().user_agent.clone(),
        device,
        ended: None,
        version: 1,
    }
}

/// The claims of a session's access token that is issued now.
pub(crate) fn claims_of(
    cx: &Cx,
    tenant: &Tenant,
    key: &SigningKey,
    session: &Session,
) -> AccessClaims {
    let issuer = tenant.issuer.to_string();
    let expires_at = key.token_expires_at(cx.now(), tenant.settings.access_token_ttl_seconds);
    AccessClaims {
        iss: issuer.clone(),
        sub: session.user_id,
        aud: issuer,
        client_id: FIRST_PARTY_CLIENT_ID.to_owned(),
        sid: session.id,
        jti: cx.platform().mint(cx.now()),
        iat: cx.now().seconds(),
        exp: expires_at.seconds(),
    }
}

/// Signs with the key that was held in the transaction. While the password was verified it may have become another than the
/// one that was prepared.
async fn sign(
    cx: &Cx,
    prepared: Arc<TokenSigner>,
    held: SigningKey,
    claims: &AccessClaims,
) -> Result<AccessTokenSecret, SignInError> {
    let signer = match prepared.id() == held.id {
        true => prepared,
        false => {
            let kept = cx.platform().parsed_keys().signer(cx.tenant_id());
            let found = cx.prepare(async move |tx| KeyAtHand::find(tx, held, kept).await);
            let key = found.await?.ok_or(KeyringError::Missing)?;
            key.signer(cx.platform(), cx.tenant_id())?
        }
    };
    Ok(signer.sign(claims).map_err(KeyringError::from)?)
}
