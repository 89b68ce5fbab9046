//! Whether a token is good, for the tenant's own clients (RFC 7662). It changes nothing, not even when a session was last
//! seen: a session lives by what its user does.

use crate::authentication::{AuthenticationError, client_of, find_token_session};
use crate::cx::{Cx, Owned};
use crate::outcome::Disclosed;
use keyward_crypto::RefreshToken;
use keyward_model::{
    ExchangeSubject, RefreshTokenSecret, Tenant, Timestamp, TokenKind, TokenUse, TokenWorth,
    UserId, UserStatus,
};
use keyward_policy::{Action, TokenFacts};
use keyward_store::KnownSession;
use std::sync::Arc;
use uuid::Uuid;

/// What is said of a token.
#[derive(Debug)]
pub enum Introspection {
    /// It does not count, or is none of the asking client's business: which, is not said (RFC 7662 §2.2).
    Inactive,
    /// An access token that counts, with its session.
    Access(Arc<KnownSession>),
    /// A refresh token that can be exchanged, with its family.
    Refresh(Box<ExchangeSubject>, Box<Tenant>),
}

/// Says whether a token counts. An access token that memory knows costs no SQL.
///
/// # Errors
/// [`AuthenticationError`], when the store cannot be asked or a key not be used: never a "no".
pub async fn introspect(cx: &Cx, token: &str) -> Result<Introspection, AuthenticationError> {
    let kind = TokenKind::of(token);
    if let Some(kind) = kind {
        cx.count_token(kind, TokenUse::Introspected);
    }
    match kind {
        Some(TokenKind::Access) => introspect_access_token(cx, token).await,
        Some(TokenKind::Refresh) => Box::pin(introspect_refresh_token(cx, token)).await,
        Some(TokenKind::Social | TokenKind::Api) | None => Ok(Introspection::Inactive),
    }
}

async fn introspect_access_token(
    cx: &Cx,
    token: &str,
) -> Result<Introspection, AuthenticationError> {
    let found = find_token_session(cx.platform(), cx.scope(), token, cx.now()).await?;
    let Some(known) = found else {
        return Ok(Introspection::Inactive);
    };
    // Who may not ask about this one hears the same as of a token that does not count.
    let Ok(permit) = cx.permit(Action::IntrospectToken, known.as_ref()) else {
        return Ok(Introspection::Inactive);
    };
    let known = cx.give(Disclosed::new(permit, known));
    Ok(Introspection::Access(known))
}

/// Memory keeps nothing of refresh tokens: each is used once.
async fn introspect_refresh_token(
    cx: &Cx,
    token: &str,
) -> Result<Introspection, AuthenticationError> {
    let token = RefreshTokenSecret::new(token.to_owned());
    let Some(token) = RefreshToken::parse(token) else {
        return Ok(Introspection::Inactive);
    };
    let presented = token.digests();
    let read = cx.prepare(async move |tx| {
        let subject = tx.find_exchange_subject(presented).await?;
        Ok((subject, tx.find_tenant().await?))
    });
    let (Some(subject), Some(tenant)) = read.await? else {
        return Ok(Introspection::Inactive);
    };
    if !can_be_exchanged(&subject, cx.now()) {
        return Ok(Introspection::Inactive);
    }
    let Ok(permit) = cx.permit(Action::IntrospectToken, &subject) else {
        return Ok(Introspection::Inactive);
    };
    let subject = cx.give(Disclosed::new(permit, subject));
    Ok(Introspection::Refresh(Box::new(subject), Box::new(tenant)))
}

/// One that was exchanged already is over, though its answer may be repeated for a moment.
fn can_be_exchanged(subject: &ExchangeSubject, now: Timestamp) -> bool {
    subject.session.is_live(now)
        && subject.user.status == UserStatus::Active
        && subject.family.worth_of(subject.age, now) == TokenWorth::Current
}

impl Owned for ExchangeSubject {
    fn owner(&self) -> Option<UserId> {
        Some(self.session.user_id)
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.family.id.uuid())
    }

    fn token(&self) -> Option<TokenFacts> {
        Some(TokenFacts {
            kind: TokenKind::Refresh,
            issued_to: client_of(&self.family.client_id).ok().flatten(),
        })
    }
}
