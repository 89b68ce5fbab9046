//! Whether a token is good, for the tenant's own clients (RFC 7662). It changes nothing, not even when a session was last
//! seen: a session lives by what its user does.

use crate::authentication::{AuthenticationError, find_token_session};
use crate::cx::Cx;
use crate::outcome::Disclosed;
use keyward_model::{TokenKind, TokenUse};
use keyward_policy::Action;
use keyward_store::KnownSession;
use std::sync::Arc;

/// What is said of a token.
#[derive(Debug)]
pub enum Introspection {
    /// It does not count, or is none of the asking client's business: which, is not said (RFC 7662 §2.2).
    Inactive,
    /// An access token that counts, with its session.
    Access(Arc<KnownSession>),
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
        Some(TokenKind::Refresh | TokenKind::Social | TokenKind::Api) | None => {
            Ok(Introspection::Inactive)
        }
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
