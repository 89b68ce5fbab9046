//! OAuth clients prove who they are, with each request: by a secret (RFC 6749 §2.3.1) or by a signed assertion that is good
//! for once (RFC 7523 §2.2).
//!
//! A client that memory knows costs a digest and no SQL. Memory only says yes: whatever does not hold there is looked at once
//! more as the store has it now.

use crate::authentication::{AuthenticationError, Presented, Sender, find_scope};
use crate::platform::Platform;
use keyward_crypto::{
    client_id_of_assertion, client_secret_digest, is_same_digest, sha256, verify_client_assertion,
};
use keyward_model::{
    ClientAuthentication, ClientId, ClientSecret, Digest, Principal, Route, Timestamp,
};
use keyward_store::{KnownClient, TenantScope};
use std::fmt;
use std::sync::Arc;

/// Longer than any clock of ours is wrong: so long an assertion's name is remembered after its end.
const REMEMBERED_SECONDS: i64 = 60;

/// What a client shows of itself.
#[derive(Clone)]
pub struct PresentedClient {
    /// Who it says it is.
    pub id: ClientId,
    /// By what.
    pub proof: ClientProof,
    /// The path that it asks, for instance `/oauth2/introspect`: an assertion may be meant for that alone.
    pub endpoint: &'static str,
}

/// By what a client proves who it is.
#[derive(Clone)]
pub enum ClientProof {
    /// A secret, in `Authorization: Basic`.
    SecretInHeader(ClientSecret),
    /// A secret, in the body.
    SecretInBody(ClientSecret),
    /// A signed assertion. It is worth nothing once it was used, and is not shown all the same.
    Assertion(String),
}

impl fmt::Debug for PresentedClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PresentedClient")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a client was not let in.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthenticationError {
    /// It is unknown, disabled, another tenant's, or did not prove who it is: one answer for all (RFC 6749 §5.2).
    #[error("the client is not valid")]
    InvalidClient,
    /// Which tenant is meant cannot be told, or its clients are refused, or the store failed.
    #[error(transparent)]
    Tenant(AuthenticationError),
}

impl From<AuthenticationError> for ClientAuthenticationError {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::UnknownClient => Self::InvalidClient,
            other => Self::Tenant(other),
        }
    }
}

impl From<keyward_store::Error> for ClientAuthenticationError {
    fn from(error: keyward_store::Error) -> Self {
        Self::Tenant(error.into())
    }
}

/// What a proof comes to.
enum Proven {
    Yes,
    /// Yes, if the assertion of this digest was not used before; it could be until then.
    Once(Digest, Timestamp),
    No,
}

/// Which client an assertion says that it is of. Nothing is verified yet; this only finds the keys to verify with.
pub fn client_id_in(assertion: &str) -> Option<String> {
    client_id_of_assertion(assertion)
}

/// Finds the tenant and the client of a request. One that memory does not know, or that does not prove itself by what memory
/// knows, costs more: `may_look_up` is asked before, and may say that enough of them came from there.
///
/// # Errors
/// [`ClientAuthenticationError`]; a store that cannot be asked is never a "no".
pub async fn authenticate_client(
    platform: &Platform,
    presented: Presented<'_>,
    client: PresentedClient,
    may_look_up: impl FnOnce() -> bool + Send,
) -> Result<Sender, ClientAuthenticationError> {
    let now = presented.now;
    if let Some((scope, known)) = recall(platform, &presented, client.id) {
        match prove(&client, &known, now) {
            Proven::Yes => return Ok(sender(scope, &known, presented)),
            Proven::Once(digest, until) => {
                Box::pin(redeem(platform, scope, (digest, until))).await?;
                return Ok(sender(scope, &known, presented));
            }
            Proven::No => {}
        }
    }
    if !may_look_up() {
        return Err(AuthenticationError::TooMany.into());
    }
    Box::pin(look_up(platform, presented, client)).await
}

async fn look_up(
    platform: &Platform,
    presented: Presented<'_>,
    client: PresentedClient,
) -> Result<Sender, ClientAuthenticationError> {
    let (ticket, host) = (platform.store().route_ticket(), presented.host.clone());
    let route = Route::OAuthClient(client.id);
    let scope = find_scope(platform, &presented, Some(route)).await?;
    if !scope.status().serves_users() {
        return Err(match scope.status().publishes() {
            true => AuthenticationError::TenantSuspended.into(),
            false => AuthenticationError::NoSuchTenant.into(),
        });
    }
    let known = platform.store().read_client(&scope, client.id).await?;
    let known = known.ok_or(ClientAuthenticationError::InvalidClient)?;
    match prove(&client, &known, presented.now) {
        Proven::Yes => {}
        Proven::Once(digest, until) => redeem(platform, scope, (digest, until)).await?,
        Proven::No => return Err(ClientAuthenticationError::InvalidClient),
    }
    if let Some(host) = host.filter(|host| !known.tenant.hosts.contains(host)) {
        // It did not disagree with the client, and it is not the tenant's own: it leads nowhere.
        platform.store().keep_shared_host(ticket, &host);
    }
    Ok(sender(scope, &known, presented))
}

/// What memory knows of a client, if every name that the request gives its tenant agrees with it.
fn recall(
    platform: &Platform,
    presented: &Presented<'_>,
    id: ClientId,
) -> Option<(TenantScope, Arc<KnownClient>)> {
    let (scope, known) = platform.store().recall_client(id)?;
    let tenant = &known.tenant;
    presented
        .agrees_with(tenant, platform.store())
        .then_some((scope, known))
}

fn prove(client: &PresentedClient, known: &KnownClient, now: Timestamp) -> Proven {
    let (id, secrets) = (client.id, &known.client.secrets);
    let by_secret = |secret: &ClientSecret| {
        let digest = client_secret_digest(secret);
        // All of them are compared, so that the time says nothing of which it was.
        let matches = |found, good| found | is_same_digest(&digest, good);
        match secrets.good_at(now).fold(false, matches) {
            true => Proven::Yes,
            false => Proven::No,
        }
    };
    match (&client.proof, known.client.authentication) {
        (ClientProof::SecretInHeader(secret), ClientAuthentication::ClientSecretBasic) => {
            by_secret(secret)
        }
        (ClientProof::SecretInBody(secret), ClientAuthentication::ClientSecretPost) => {
            by_secret(secret)
        }
        (ClientProof::Assertion(assertion), ClientAuthentication::PrivateKeyJwt) => {
            let issuer = known.tenant.tenant.issuer.as_str();
            let audiences = [
                issuer.to_owned(),
                format!("{issuer}/oauth2/token"),
                format!("{issuer}{}", client.endpoint),
            ];
            let audiences = audiences.each_ref().map(String::as_str);
            let verified =
                verify_client_assertion(assertion, &known.client.keys).and_then(|claims| {
                    claims.check(now, &id.to_string(), &audiences)?;
                    Ok(claims)
                });
            match verified {
                Ok(claims) => {
                    let digest = sha256(format!("{id} {}", claims.jti).as_bytes());
                    let end = Timestamp::from_micros(0).plus_seconds(claims.exp);
                    Proven::Once(digest, end.plus_seconds(REMEMBERED_SECONDS))
                }
                Err(problem) => {
                    tracing::debug!(%problem, client = %id, "an assertion was refused");
                    Proven::No
                }
            }
        }
        // It proves itself in another way than the one that it was registered with.
        _ => Proven::No,
    }
}

/// Uses an assertion, the one time that it is good for.
async fn redeem(
    platform: &Platform,
    scope: TenantScope,
    (digest, until): (Digest, Timestamp),
) -> Result<(), ClientAuthenticationError> {
    let store = platform.store();
    match store.redeem_client_assertion(&scope, digest, until).await? {
        true => Ok(()),
        false => Err(ClientAuthenticationError::InvalidClient),
    }
}

fn sender(scope: TenantScope, known: &KnownClient, presented: Presented<'_>) -> Sender {
    Sender {
        scope,
        principal: Principal::OAuthClient {
            tenant_id: scope.tenant_id(),
            client_id: known.client.id,
            rights: known.client.rights,
        },
        known: None,
        presence: presented.presence,
        now: Some(presented.now),
    }
}
