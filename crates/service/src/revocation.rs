//! Tokens that are revoked before their time (RFC 7009). An access token alone goes on the denylist until it would be over by
//! itself, and its session lives on; a refresh token takes its session with it (§2.1).

use crate::authentication::{AuthenticationError, find_token_session};
use crate::cx::Cx;
use crate::outcome::Recorded;
use keyward_model::{Event, TokenKind, TokenUse};
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
        Some(TokenKind::Refresh) | None => Ok(()),
    }
}

async fn revoke_access_token(cx: &Cx, token: &str) -> Result<(), RevocationError> {
    let found = find_token_session(cx.platform(), cx.scope(), token, cx.now()).await?;
    let Some(known) = found else {
        return Ok(());
    };
    deny(cx, known).await?;
    cx.count_token(TokenKind::Access, TokenUse::Revoked);
    Ok(())
}

async fn deny(cx: &Cx, known: Arc<KnownSession>) -> Result<(), RevocationError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RevokeToken, known.as_ref())?;
        let token = known.token();
        if !tx.deny_access_token(token.id, token.expires_at).await? {
            return Ok(Recorded::unchanged(permit, ()));
        }
        let event = Event::AccessTokenRevoked {
            token_id: token.id,
            session_id: known.session_id,
            user_id: known.user_id,
            expires_at: token.expires_at,
        };
        Ok(Recorded::new(permit, (), event))
    })
    .await
}
