//! Which tenant a request is for, and who sends it.
//!
//! A tenant is named by the credential, by `/t/<slug>` in front of the path, by a publishable key, or by the host; two
//! that disagree are as if the tenant did not exist. Without any of them a development instance has a default.

use crate::platform::Platform;
use crate::presence::Presence;
use crate::touches::touch;
use keyward_crypto::{SigningError, TokenProblem, key_id_of, sha256};
use keyward_model::{
    AccessTokenSecret, ClientId, Digest, FIRST_PARTY_CLIENT_ID, HostName, Principal,
    PublishableName, Route, SessionId, SigningKey, SigningKeyId, Slug, Tenant, Timestamp,
    TokenKind,
};
use keyward_store::{KnownSession, KnownTenant, Store, TenantScope, TenantTx, VerifiedToken};
use std::fmt;
use std::sync::Arc;

/// What a request says of its tenant and its sender.
#[derive(Debug)]
pub struct Presented<'a> {
    /// When it came.
    pub now: Timestamp,
    /// From `/t/<slug>`.
    pub slug: Option<Slug>,
    /// From the `Host` header or `:authority`.
    pub host: Option<HostName>,
    /// From `X-Publishable-Key`.
    pub publishable_key: Option<PublishableName>,
    /// From `Authorization: Bearer`.
    pub access_token: Option<PresentedToken<'a>>,
    /// From the endpoint's action.
    pub purpose: Purpose,
    /// Whether the client still waits.
    pub presence: Presence,
}

/// What a request is for, as far as the tenant's status matters to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be served, as one of its users or to become one.
    #[default]
    Service,
    /// To read what the tenant publishes: its metadata and public keys.
    Metadata,
}

/// An access token where it stands in its request. A copy, which is wiped, is made only of one that memory does not know.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a>(pub &'a str);

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PresentedToken([redacted])")
    }
}

/// Why a request was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// No tenant is named, the named one is unknown, or two were named.
    #[error("no such tenant")]
    NoSuchTenant,
    /// The tenant is suspended, or about to be deleted: its users are refused.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// The client is none of the tenant's.
    #[error("no such client")]
    UnknownClient,
    /// The token is not ours, not valid now, or its session is over.
    #[error("the access token is not valid")]
    InvalidToken,
    /// Too many tokens came from there that nobody knew.
    #[error("too many unknown tokens")]
    TooMany,
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

/// Who sends a request, in which tenant.
#[derive(Debug)]
pub struct Sender {
    pub(crate) scope: TenantScope,
    pub(crate) principal: Principal,
    /// Their session, if they have one.
    pub(crate) known: Option<Arc<KnownSession>>,
    pub(crate) presence: Presence,
    /// The moment of their request; none, if it begins when they do something.
    pub(crate) now: Option<Timestamp>,
}

impl Sender {
    /// The session that they act in.
    pub fn session_id(&self) -> Option<SessionId> {
        self.principal.session_id()
    }
}

impl From<(TenantScope, Principal)> for Sender {
    /// Somebody who needs no credential: an operator, or Keyward itself.
    fn from((scope, principal): (TenantScope, Principal)) -> Self {
        Self {
            scope,
            principal,
            known: None,
            presence: Presence::default(),
            now: None,
        }
    }
}

/// Finds the tenant and the sender of a request. A token that memory does not know costs more: `may_look_up` is asked
/// before, and may say that enough of them came from there.
///
/// # Errors
/// [`AuthenticationError`]; a store that cannot be asked is never a "no".
pub async fn authenticate(
    platform: &Platform,
    presented: Presented<'_>,
    may_look_up: impl FnOnce() -> bool + Send,
) -> Result<Sender, AuthenticationError> {
    let Some(PresentedToken(token)) = presented.access_token else {
        return Box::pin(authenticate_nobody(platform, presented)).await;
    };
    let (now, digest) = (presented.now, sha256(token.as_bytes()));
    let remembered = recall(platform, &presented, &digest, now);
    let is_remembered = remembered.is_some();
    let (scope, known) = match remembered {
        Some(remembered) => remembered,
        None if !may_look_up() => return Err(AuthenticationError::TooMany),
        None => match Box::pin(look_up(platform, &presented, token, digest)).await? {
            LookedUp::User(scope, known) => (scope, known),
            LookedUp::UsersRefused(scope) => return outsider(scope, presented),
        },
    };
    touch(platform, scope, &known, (now, is_remembered)).await;
    Ok(sender((scope, known), presented.presence, now))
}

/// Finds the tenant of a request that shows no credential.
async fn authenticate_nobody(
    platform: &Platform,
    presented: Presented<'_>,
) -> Result<Sender, AuthenticationError> {
    let scope = find_scope(platform, &presented, None).await?;
    match scope.status().serves_users() {
        true => Ok(anonymous(scope, presented)),
        false => outsider(scope, presented),
    }
}

/// Whose a token is that memory does not know.
enum LookedUp {
    User(TenantScope, Arc<KnownSession>),
    /// Somebody's of a tenant whose users are refused.
    UsersRefused(TenantScope),
}

async fn look_up(
    platform: &Platform,
    presented: &Presented<'_>,
    token: &str,
    digest: Digest,
) -> Result<LookedUp, AuthenticationError> {
    // What is of another kind is no access token, whatever could be made of it (RFC 8725 §3.12).
    if TokenKind::of(token) != Some(TokenKind::Access) {
        return Err(AuthenticationError::InvalidToken);
    }
    let token = &AccessTokenSecret::new(token.to_owned());
    let key_id = key_id_of(token)?;
    let (ticket, host) = (platform.store().route_ticket(), presented.host.clone());
    let scope = find_scope(platform, presented, Some(Route::SigningKey(key_id))).await?;
    if !scope.status().serves_users() {
        return Ok(LookedUp::UsersRefused(scope));
    }
    let known = verify(platform, scope, token, (key_id, digest), presented.now).await?;
    if let Some(host) = host.filter(|host| !known.tenant.hosts.contains(host)) {
        // It did not disagree with the token, and it is not the tenant's own: it leads nowhere.
        platform.store().keep_shared_host(ticket, &host);
    }
    Ok(LookedUp::User(scope, known))
}

fn anonymous(scope: TenantScope, presented: Presented<'_>) -> Sender {
    Sender {
        scope,
        principal: Principal::Anonymous,
        known: None,
        presence: presented.presence,
        now: Some(presented.now),
    }
}

/// Somebody at a tenant whose users are refused. What it publishes they still get, as anybody does.
fn outsider(scope: TenantScope, presented: Presented<'_>) -> Result<Sender, AuthenticationError> {
    match (scope.status().publishes(), presented.purpose) {
        (true, Purpose::Metadata) => Ok(anonymous(scope, presented)),
        (true, Purpose::Service) => Err(AuthenticationError::TenantSuspended),
        (false, _) => Err(AuthenticationError::NoSuchTenant),
    }
}

/// What memory knows of a token. It only says yes: a token that is not there, a session that looks over, and a name that
/// is not the tenant's own are all asked of the store.
fn recall(
    platform: &Platform,
    presented: &Presented<'_>,
    digest: &Digest,
    now: Timestamp,
) -> Option<(TenantScope, Arc<KnownSession>)> {
    let (scope, known) = platform.store().recall(digest, now)?;
    let agrees = presented.agrees_with(&known.tenant, platform.store());
    (agrees && known.admits(now)).then_some((scope, known))
}

impl Presented<'_> {
    /// Whether every name that the request gives its tenant is known to be this tenant's, or nobody's.
    pub(crate) fn agrees_with(&self, tenant: &KnownTenant, store: &Store) -> bool {
        let slug_agrees = self
            .slug
            .as_ref()
            .is_none_or(|slug| *slug == tenant.tenant.slug);
        // A host that is no tenant's own is a shared one, and names nobody.
        let host_agrees = self
            .host
            .as_ref()
            .is_none_or(|host| tenant.hosts.contains(host) || store.is_shared_host(host));
        let key_agrees = self
            .publishable_key
            .as_ref()
            .is_none_or(|key| tenant.has_publishable_key(key));
        slug_agrees && host_agrees && key_agrees
    }
}

fn sender(
    (scope, known): (TenantScope, Arc<KnownSession>),
    presence: Presence,
    now: Timestamp,
) -> Sender {
    let principal = Principal::User {
        tenant_id: scope.tenant_id(),
        user_id: known.user_id,
        session_id: known.session_id,
        role: known.role,
    };
    Sender {
        scope,
        principal,
        known: Some(known),
        presence,
        now: Some(now),
    }
}

pub(crate) async fn find_scope(
    platform: &Platform,
    presented: &Presented<'_>,
    credential: Option<Route>,
) -> Result<TenantScope, AuthenticationError> {
    let default = platform.settings().default_tenant.clone();
    let by_client = matches!(credential, Some(Route::OAuthClient(_)));
    let candidates = [
        presented.slug.clone().map(Route::Slug),
        presented.publishable_key.clone().map(Route::PublishableKey),
        presented.host.clone().map(Route::Host),
        credential,
        default.map(Route::Slug),
    ];
    let given = candidates.each_ref().map(Option::is_some);
    let routes = candidates.into_iter().flatten().collect();
    let mut found = platform.store().resolve(routes).await?.into_iter();
    let [slug, public, host, credential, default] =
        given.map(|given| given.then(|| found.next().flatten()));
    let must_lead = |named: Option<Option<TenantScope>>| {
        named
            .map(|scope| scope.ok_or(AuthenticationError::NoSuchTenant))
            .transpose()
    };
    let (slug, public) = (must_lead(slug)?, must_lead(public)?);
    let refused = || match by_client {
        true => AuthenticationError::UnknownClient,
        false => AuthenticationError::InvalidToken,
    };
    let credential = credential
        .map(|scope| scope.ok_or_else(refused))
        .transpose()?;
    // A host that is no tenant's own is a shared one, and names nobody.
    let mut named = [slug, public, host.flatten(), credential]
        .into_iter()
        .flatten();
    let scope = named
        .next()
        .or(default.flatten())
        .ok_or(AuthenticationError::NoSuchTenant)?;
    let agrees = |other: &TenantScope| other.tenant_id() == scope.tenant_id();
    match named.all(|other| agrees(&other)) {
        true => Ok(scope),
        // A client of another tenant is as unknown as one that does not exist.
        false if by_client && !credential.as_ref().is_some_and(agrees) => {
            Err(AuthenticationError::UnknownClient)
        }
        false => Err(AuthenticationError::NoSuchTenant),
    }
}

/// Verifies a token against the store, and remembers what it found.
async fn verify(
    platform: &Platform,
    scope: TenantScope,
    token: &AccessTokenSecret,
    (key_id, digest): (SigningKeyId, Digest),
    now: Timestamp,
) -> Result<Arc<KnownSession>, AuthenticationError> {
    // Before the key is read: one that is revoked from here on leaves nothing of its tokens in memory.
    let mark = platform.store().mark(&scope);
    let (key, tenant) = find_key_and_tenant(platform, scope, key_id).await?;
    if !key.is_published(now) {
        tracing::debug!(key = %key.id, "a token of a key that is over was refused");
        return Err(AuthenticationError::InvalidToken);
    }
    let verifier = platform.parsed_keys().verifier(scope.tenant_id(), &key)?;
    let claims = verifier.verify(token)?;
    let issuer = tenant.issuer.to_string();
    claims.check(now, &issuer, &issuer)?;
    let epoch = Timestamp::from_micros(0);
    let verified = VerifiedToken {
        digest,
        session_id: claims.sid,
        user_id: claims.sub,
        good_from: epoch.plus_seconds(claims.iat),
        expires_at: epoch.plus_seconds(claims.exp),
        id: claims.jti,
        client: client_of(&claims.client_id)?,
    };
    let known = platform
        .store()
        .read_session_of(&scope, verified, mark, now)
        .await?;
    known.ok_or(AuthenticationError::InvalidToken)
}

/// To whom a token was issued; none is Keyward's own sign-in.
pub(crate) fn client_of(client_id: &str) -> Result<Option<ClientId>, AuthenticationError> {
    match client_id {
        FIRST_PARTY_CLIENT_ID => Ok(None),
        other => other
            .parse()
            .map(Some)
            .map_err(|_| AuthenticationError::InvalidToken),
    }
}

/// The session of an access token, as far as a tenant's own clients may ask about it: from memory if it is known there.
/// None of a token that does not count here and now, whatever the reason, or that is another tenant's.
///
/// # Errors
/// As [`authenticate`]; a store that cannot be asked is never a "no".
pub(crate) async fn find_token_session(
    platform: &Platform,
    scope: TenantScope,
    token: &str,
    now: Timestamp,
) -> Result<Option<Arc<KnownSession>>, AuthenticationError> {
    let digest = sha256(token.as_bytes());
    if let Some((found, known)) = platform.store().recall(&digest, now)
        && known.admits(now)
    {
        return Ok((found.tenant_id() == scope.tenant_id()).then_some(known));
    }
    let token = AccessTokenSecret::new(token.to_owned());
    let Ok(key_id) = key_id_of(&token) else {
        return Ok(None);
    };
    let verified = Box::pin(verify(platform, scope, &token, (key_id, digest), now)).await;
    match verified {
        Ok(known) => Ok(known.admits(now).then_some(known)),
        Err(AuthenticationError::InvalidToken) => Ok(None),
        Err(error) => Err(error),
    }
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
