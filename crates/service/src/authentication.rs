//! Which tenant a request is for, and who sends it.
//!
//! A tenant is named by the credential, by `/t/<slug>` in front of the path, or by the host; two that disagree are as if
//! the tenant did not exist. Without any of them a development instance has a default.

use crate::platform::Platform;
use keyward_crypto::{AccessClaims, SigningError, TokenProblem, TokenVerifier, key_id_of};
use keyward_model::{
    AccessTokenSecret, HostName, Principal, Route, SessionUser, SigningKey, SigningKeyId, Slug,
    Tenant, UserStatus,
};
use keyward_store::{Housekeeping, TenantScope, TenantTx};
use std::time::Duration;

/// How stale `last_active_at` may become before a request renews it: a write a minute, not one a request.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// What a request says of its tenant and its sender.
#[derive(Debug, Default)]
pub struct Presented {
    /// From `/t/<slug>`.
    pub slug: Option<Slug>,
    /// From the `Host` header or `:authority`.
    pub host: Option<HostName>,
    /// From `Authorization: Bearer`.
    pub access_token: Option<AccessTokenSecret>,
}

/// Why a request was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// No tenant is named, the named one is unknown, or two were named.
    #[error("no such tenant")]
    NoSuchTenant,
    /// The token is not ours, not valid now, or its session is over.
    #[error("the access token is not valid")]
    InvalidToken,
    /// The tenant's public key cannot be used.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

impl From<TokenProblem> for AuthenticationError {
    fn from(problem: TokenProblem) -> Self {
        tracing::debug!(%problem, "an access token was refused");
        Self::InvalidToken
    }
}

/// Finds the tenant and the principal of a request.
///
/// # Errors
/// [`AuthenticationError`]; a store that cannot be asked is never a "no".
pub async fn authenticate(
    platform: &Platform,
    presented: Presented,
) -> Result<(TenantScope, Principal), AuthenticationError> {
    let Presented {
        slug,
        host,
        access_token,
    } = presented;
    let key_id = access_token.as_ref().map(key_id_of).transpose()?;
    let scope = find_scope(platform, slug, host, key_id).await?;
    match (access_token, key_id) {
        (Some(token), Some(key_id)) => Ok((
            scope,
            authenticate_user(platform, scope, &token, key_id).await?,
        )),
        _ => Ok((scope, Principal::Anonymous)),
    }
}

async fn find_scope(
    platform: &Platform,
    slug: Option<Slug>,
    host: Option<HostName>,
    key_id: Option<SigningKeyId>,
) -> Result<TenantScope, AuthenticationError> {
    let default = platform.settings().default_tenant.clone();
    let candidates = [
        slug.map(Route::Slug),
        host.map(Route::Host),
        key_id.map(Route::SigningKey),
        default.map(Route::Slug),
    ];
    let given = candidates.each_ref().map(Option::is_some);
    let routes = candidates.into_iter().flatten().collect();
    let mut found = platform.store().resolve(routes).await?.into_iter();
    let [slug, host, key, default] = given.map(|given| given.then(|| found.next().flatten()));
    let slug = slug
        .map(|scope| scope.ok_or(AuthenticationError::NoSuchTenant))
        .transpose()?;
    let key = key
        .map(|scope| scope.ok_or(AuthenticationError::InvalidToken))
        .transpose()?;
    // A host that is no tenant's own is a shared one, and names nobody.
    let mut named = [slug, host.flatten(), key].into_iter().flatten();
    let scope = named
        .next()
        .or(default.flatten())
        .ok_or(AuthenticationError::NoSuchTenant)?;
    match named.all(|other| other.tenant_id() == scope.tenant_id()) {
        true => Ok(scope),
        false => Err(AuthenticationError::NoSuchTenant),
    }
}

async fn authenticate_user(
    platform: &Platform,
    scope: TenantScope,
    token: &AccessTokenSecret,
    key_id: SigningKeyId,
) -> Result<Principal, AuthenticationError> {
    let now = platform.now();
    let (key, tenant) = find_key_and_tenant(platform, scope, key_id).await?;
    let claims = TokenVerifier::new(key.algorithm, &key.public_key)?.verify(token)?;
    let issuer = tenant.issuer.to_string();
    claims.check(now, &issuer, &issuer)?;
    let SessionUser { session, user } = find_session(platform, scope, &claims).await?;
    if !session.is_live(now) || user.status != UserStatus::Active || user.id != claims.sub {
        return Err(AuthenticationError::InvalidToken);
    }
    if now.since(session.last_active_at) >= TOUCH_AFTER {
        let touch = Housekeeping::TouchSession {
            session_id: session.id,
            now,
        };
        if let Err(error) = platform.store().housekeeping(&scope, touch).await {
            // Untouched it only idles out sooner; that is no reason to refuse a good session.
            tracing::warn!(%error, "a session could not be touched");
        }
    }
    Ok(Principal::User {
        tenant_id: scope.tenant_id(),
        user_id: user.id,
        session_id: session.id,
        role: user.role,
    })
}

async fn find_key_and_tenant(
    platform: &Platform,
    scope: TenantScope,
    key_id: SigningKeyId,
) -> Result<(SigningKey, Tenant), AuthenticationError> {
    let read = async move |tx: &mut TenantTx<'_>| {
        Ok((tx.find_signing_key(key_id).await?, tx.find_tenant().await?))
    };
    match platform
        .store()
        .read::<_, AuthenticationError, _>(&scope, read)
        .await?
    {
        (Some(key), Some(tenant)) => Ok((key, tenant)),
        _ => Err(AuthenticationError::InvalidToken),
    }
}

async fn find_session(
    platform: &Platform,
    scope: TenantScope,
    claims: &AccessClaims,
) -> Result<SessionUser, AuthenticationError> {
    let session_id = claims.sid;
    let read = async move |tx: &mut TenantTx<'_>| tx.find_session_user(session_id).await;
    platform
        .store()
        .read(&scope, read)
        .await?
        .ok_or(AuthenticationError::InvalidToken)
}
