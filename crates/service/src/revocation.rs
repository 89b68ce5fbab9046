//! Tokens that are revoked before their time (RFC 7009). An access token alone goes on the denylist until it would be over by
//! itself, and its session lives on; a refresh token takes its session with it (§2.1).

use crate::authentication::{AuthenticationError, find_token_session};
use crate::cx::Cx;
use crate::outcome::Recorded;
use keyward_crypto::RefreshToken;
use keyward_model::{
    EndReason, Ended, Event, FamilyEnd, FamilyRevoked, RefreshTokenSecret, TokenKind, TokenUse,
};
use keyward_policy::{Action, Denied};
use keyward_store::KnownSession;
use std::sync::Arc;

/// Why a token was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// Tokens of its kind are not revoked here.
    #[error("tokens of this kind are not revoked here")]
    UnsupportedTokenType,
    /// It was issued to another client, and this one has no right to revoke others' (RFC 7009 §2.1).
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Whether it counts could not be found out.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// Revokes a token. One that does not count, or is nobody's here, is as good as revoked (RFC 7009 §2.2).
///
/// # Errors
/// [`RevocationError`].
pub async fn revoke_token(cx: &Cx, token: &str) -> Result<(), RevocationError> {
    match TokenKind::of(token) {
        Some(TokenKind::Access) => revoke_access_token(cx, token).await,
        Some(TokenKind::Api | TokenKind::Social) => Err(RevocationError::UnsupportedTokenType),
        Some(TokenKind::Refresh) => revoke_refresh_token(cx, token).await,
        None => Ok(()),
    }
}

/// Ends the family of a refresh token, of whichever generation it is, and the session that it continues with all that was
/// issued in it (RFC 7009 §2.1).
async fn revoke_refresh_token(cx: &Cx, token: &str) -> Result<(), RevocationError> {
    let token = RefreshTokenSecret::new(token.to_owned());
    let Some(token) = RefreshToken::parse(token) else {
        return Ok(());
    };
    let presented = token.digests();
    let found = cx.prepare(async move |tx| tx.find_exchange_subject(presented).await);
    let Some(subject) = found.await? else {
        return Ok(());
    };
    let ended = cx.write::<_, RevocationError, _>(async move |cx, tx| {
        let permit = cx.permit(Action::RevokeToken, &subject)?;
        // Whatever ends sessions takes the user first, and so does an exchange: the second sees what the first did.
        tx.hold_user(subject.session.user_id).await?;
        let (at, reason) = (cx.now(), EndReason::RevokedByClient);
        let Some(session) = tx
            .end_session(subject.session.id, Ended { at, reason })
            .await?
        else {
            return Ok(Recorded::unchanged(permit, false));
        };
        let reason = FamilyEnd::Revoked;
        tx.revoke_token_family(subject.family.id, FamilyRevoked { at, reason })
            .await?;
        let reason = EndReason::RevokedByClient;
        let event = Event::SessionRevoked { session, reason };
        Ok(Recorded::new(permit, true, event))
    });
    if ended.await? {
        cx.count_token(TokenKind::Refresh, TokenUse::Revoked);
    }
    Ok(())
}

async fn revoke_access_token(cx: &Cx, token: &str) -> Result<(), RevocationError> {
    let found = find_token_session(cx.platform(), cx.scope(), token, cx.now()).await?;
    let Some(known) = found else {
        return Ok(());
    };
    if deny(cx, known).await? {
        cx.count_token(TokenKind::Access, TokenUse::Revoked);
    }
    Ok(())
}

/// Puts an access token on the denylist; false when it stands there already.
async fn deny(cx: &Cx, known: Arc<KnownSession>) -> Result<bool, RevocationError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RevokeToken, known.as_ref())?;
        let token = known.token();
        if !tx.deny_access_token(token.id, token.expires_at).await? {
            return Ok(Recorded::unchanged(permit, false));
        }
        let event = Event::AccessTokenRevoked {
            token_id: token.id,
            session_id: known.session_id,
            user_id: known.user_id,
            expires_at: token.expires_at,
        };
        Ok(Recorded::new(permit, true, event))
    })
    .await
}
