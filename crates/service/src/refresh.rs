//! Continuing a session: a refresh token is exchanged for the next, once (RFC 9700 §4.14.2, ASVS V10.4.5).
//!
//! Everything that is answered is made before the write: tokens minted, signed, and the answer sealed under a key that is
//! derived from the presented token. The write is one compare-and-set. Whoever loses it, asks again within ten seconds, or
//! never heard the answer, opens the winner's and gets the identical one. So no two successors of a token ever exist, and
//! nobody is signed out for having asked twice. Any other second use ends the family and its session.

mod erasure;

pub(crate) use erasure::Erasures;

use crate::cx::{Cx, TenantWide};
use crate::keyring::KeyringError;
use crate::opening::claims_of;
use crate::outcome::{Disclosed, Recorded};
use crate::signed_in::SignedIn;
use crate::signing::{KeyAtHand, find_signing_key, hold_signing_key};
use crate::touches::is_stale;
use erasure::erase_later;
use keyward_crypto::{
    Place, RefreshToken, SealingKey, TokenHolder, open, refresh_answer_key, seal,
};
use keyward_model::{
    AccessTokenSecret, EndReason, Ended, Event, ExchangeSubject, FIRST_PARTY_CLIENT_ID, FamilyEnd,
    FamilyRevoked, Principal, RefreshAnswer, RefreshTokenDigests, RefreshTokenSecret, SealedBytes,
    Session, Tenant, TokenFamily, TokenUse, TokenWorth, User, UserStatus,
};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// How often an exchange is begun that another request was faster with. One that lost finds the winner's answer at once.
const TRIES_MAX: u32 = 5;

/// What a client presents.
#[derive(Debug)]
pub struct RefreshSession {
    /// What continues the session.
    pub token: RefreshTokenSecret,
    /// What the client calls its device, if it says so: an answer is repeated to the same one only.
    pub device_fingerprint: Option<String>,
}

/// Why a session was not continued.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Unknown, spent, revoked, expired, or of a session that is over: one answer for all.
    #[error("the refresh token is not valid")]
    InvalidToken,
    /// Something it rests on changed at the same moment.
    #[error("the exchange met another change")]
    Raced,
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

/// [`RefreshSession`] with a token that may be one.
struct Presented {
    token: RefreshToken,
    device_fingerprint: Option<String>,
}

/// What is read before anything is decided.
struct Facts {
    tenant: Tenant,
    key: KeyAtHand,
    subject: ExchangeSubject,
}

/// An answer as it is sealed.
#[derive(Serialize, Deserialize)]
struct SealedForm<'a> {
    access_token: Cow<'a, str>,
    expires_in: i64,
    refresh_token: Cow<'a, str>,
    session: Cow<'a, Session>,
    user: Cow<'a, User>,
}

/// Exchanges a refresh token for the next one and a new access token.
///
/// # Errors
/// [`RefreshError`].
pub async fn refresh_session(cx: &Cx, command: RefreshSession) -> Result<SignedIn, RefreshError> {
    let presented = Presented {
        token: RefreshToken::parse(command.token).ok_or(RefreshError::InvalidToken)?,
        device_fingerprint: command.device_fingerprint,
    };
    let digests = presented.token.digests();
    for _ in 0..TRIES_MAX {
        let facts = find_facts(cx, digests).await?;
        let outcome = match worth_of(&facts.subject, cx) {
            TokenWorth::Over => return Err(RefreshError::InvalidToken),
            TokenWorth::Current => exchange(cx, &presented, facts).await,
            TokenWorth::JustExchanged => match repeat(cx, &presented, &facts.subject)? {
                Some(answer) => Ok(answer),
                None => Err(end_for_reuse(cx, facts.subject).await?),
            },
            TokenWorth::Reused => Err(end_for_reuse(cx, facts.subject).await?),
        };
        match outcome {
            Err(RefreshError::Raced) => {}
            outcome => return outcome,
        }
    }
    Err(RefreshError::Raced)
}

fn worth_of(subject: &ExchangeSubject, cx: &Cx) -> TokenWorth {
    let live = subject.session.is_live(cx.now()) && subject.user.status == UserStatus::Active;
    match live {
        true => subject.family.worth_of(subject.age, cx.now()),
        false => TokenWorth::Over,
    }
}

async fn find_facts(cx: &Cx, presented: RefreshTokenDigests) -> Result<Facts, RefreshError> {
    let (now, kept) = (cx.now(), cx.platform().parsed_keys().signer(cx.tenant_id()));
    let (subject, tenant, key) = cx
        .prepare(async move |tx| {
            let Some(subject) = tx.find_exchange_subject(presented).await? else {
                return Ok((None, None, None));
            };
            let tenant = tx.find_tenant().await?;
            let key = find_signing_key(tx, now, kept).await?;
            Ok((Some(subject), tenant, key))
        })
        .await?;
    let subject = subject.ok_or(RefreshError::InvalidToken)?;
    match (tenant, key) {
        (Some(tenant), Some(key)) => Ok(Facts {
            tenant,
            key,
            subject,
        }),
        _ => Err(KeyringError::Missing.into()),
    }
}

async fn exchange(cx: &Cx, presented: &Presented, facts: Facts) -> Result<SignedIn, RefreshError> {
    let ExchangeSubject { family, user, .. } = facts.subject;
    let is_stale = is_stale(&facts.subject.session, cx.now());
    let session = Session {
        last_active_at: cx.now(),
        ..facts.subject.session
    };
    let signer = facts.key.signer(cx.platform(), cx.tenant_id())?;
    let claims = claims_of(cx, &facts.tenant, &facts.key.key, &session);
    let next = presented.token.next(cx.platform().random());
    let next_digest = next.digests().token;
    let answer = SignedIn {
        access_token: signer.sign(&claims).map_err(KeyringError::from)?,
        expires_in: claims.exp - claims.iat,
        refresh_token: next.into_secret(),
        // What the device has stays good: it proved nothing anew.
        device_token: None,
        session,
        concurrent: None,
        user,
    };
    let sealed = seal_answer(cx, presented, &family, &answer)?;
    let key = facts.key.key.id;
    let ttl_seconds = facts.tenant.settings.access_token_ttl_seconds;
    let (session, role) = (answer.session.clone(), answer.user.role);
    cx.write::<_, RefreshError, _>(async move |cx, tx| {
        let permit = cx.permit(Action::RefreshSession, &TenantWide)?;
        // Whatever ends the session takes the same row first: of the two the second sees what the other did.
        let held = tx.hold_session(session.user_id, session.id, cx.now());
        if held.await? != Some(role)
            || !tx
                .rotate_token_family(&family, next_digest, &sealed)
                .await?
        {
            return Err(RefreshError::Raced);
        }
        let signing = hold_signing_key(tx, cx.now(), ttl_seconds).await?;
        let signing = signing.ok_or(KeyringError::Missing)?;
        let good_until = signing.token_expires_at(cx.now(), ttl_seconds);
        if signing.id != key || claims.exp > good_until.seconds() {
            return Err(RefreshError::Raced);
        }
        if is_stale {
            tx.touch_session(session.id, cx.now()).await?;
        }
        let actor = Principal::User {
            tenant_id: cx.tenant_id(),
            user_id: session.user_id,
            session_id: session.id,
            role,
        };
        let event = Event::SessionRefreshed {
            session,
            family_id: family.id,
            generation: family.generation + 1,
        };
        Ok(Recorded::new(permit, (), event).acting_as(actor))
    })
    .await?;
    erase_later(cx);
    cx.count_pair(TokenUse::Refreshed);
    Ok(answer)
}

/// The answer that the exchange of the token was given, for whoever made it; none for others.
fn repeat(
    cx: &Cx,
    presented: &Presented,
    subject: &ExchangeSubject,
) -> Result<Option<SignedIn>, RefreshError> {
    let permit = cx.permit(Action::RefreshSession, &TenantWide)?;
    let Some(sealed) = &subject.answer else {
        return Ok(None);
    };
    let opened = open_answer(cx, presented, &subject.family, sealed);
    Ok(cx.give(Disclosed::new(permit, opened)))
}

/// Ends a family one of whose tokens somebody has a copy of, and the session that it continued.
async fn end_for_reuse(cx: &Cx, subject: ExchangeSubject) -> Result<RefreshError, RefreshError> {
    let ExchangeSubject {
        family,
        age,
        session,
        ..
    } = subject;
    cx.write::<_, RefreshError, _>(async move |cx, tx| {
        let permit = cx.permit(Action::RefreshSession, &TenantWide)?;
        let (user_id, at) = (session.user_id, cx.now());
        tx.hold_user(user_id).await?;
        let revoked = FamilyRevoked {
            at,
            reason: FamilyEnd::Reused,
        };
        let Some(family) = tx.revoke_token_family(family.id, revoked).await? else {
            return Ok(Recorded::unchanged(permit, ()));
        };
        let reused = Event::RefreshTokenReused {
            family,
            user_id,
            age,
        };
        let events = [Some(reused), end_session(tx, &session, at).await?];
        Ok(Recorded::all(
            permit,
            (),
            events.into_iter().flatten().collect(),
        ))
    })
    .await?;
    Ok(RefreshError::InvalidToken)
}

async fn end_session(
    tx: &mut TenantTx<'_>,
    session: &Session,
    at: keyward_model::Timestamp,
) -> Result<Option<Event>, RefreshError> {
    let reason = EndReason::RefreshTokenReused;
    let ended = tx.end_session(session.id, Ended { at, reason }).await?;
    Ok(ended.map(|session| Event::SessionRevoked { session, reason }))
}

fn seal_answer(
    cx: &Cx,
    presented: &Presented,
    family: &TokenFamily,
    answer: &SignedIn,
) -> Result<RefreshAnswer, RefreshError> {
    let form = SealedForm {
        access_token: answer.access_token.expose().into(),
        expires_in: answer.expires_in,
        refresh_token: answer.refresh_token.expose().into(),
        session: Cow::Borrowed(&answer.session),
        user: Cow::Borrowed(&answer.user),
    };
    // Longer than any: a buffer that grows leaves unwiped copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8 * 1_024));
    serde_json::to_writer(&mut *text, &form).map_err(|_| KeyringError::Missing)?;
    let key = answer_key(presented, family)?;
    let sealed = seal(&key, place(cx, family), &text, cx.platform().random());
    Ok(RefreshAnswer {
        given_at: cx.now(),
        sealed: sealed.map_err(KeyringError::from)?,
    })
}

fn open_answer(
    cx: &Cx,
    presented: &Presented,
    family: &TokenFamily,
    sealed: &SealedBytes,
) -> Option<SignedIn> {
    let key = answer_key(presented, family).ok()?;
    let text = open(&key, place(cx, family), sealed).ok()?;
    let form: SealedForm<'_> = serde_json::from_slice(&text).ok()?;
    Some(SignedIn {
        access_token: AccessTokenSecret::new(form.access_token.into_owned()),
        expires_in: form.expires_in,
        refresh_token: RefreshTokenSecret::new(form.refresh_token.into_owned()),
        device_token: None,
        session: form.session.into_owned(),
        concurrent: None,
        user: form.user.into_owned(),
    })
}

fn answer_key(presented: &Presented, family: &TokenFamily) -> Result<SealingKey, KeyringError> {
    let holder = TokenHolder {
        client_id: FIRST_PARTY_CLIENT_ID,
        device_fingerprint: presented.device_fingerprint.as_deref(),
    };
    Ok(refresh_answer_key(&presented.token, family.id, holder)?)
}

fn place<'a>(cx: &Cx, family: &TokenFamily) -> Place<'a> {
    Place {
        tenant_id: cx.tenant_id(),
        table: "refresh_answers",
        column: "sealed",
        row: family.id.uuid(),
    }
}
