//! What a tenant publishes for those who verify its tokens: `/.well-known/…`

use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use keyward_model::{ClientAuthentication, SigningAlgorithm, SigningKey, Tenant};
use keyward_policy::Action;
use keyward_service::tenants::{public_keys, read_issuer};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// How long verifiers may keep an answer, by the tenant's settings; for a `kid` that they do not know they ask again. Which
/// tenant's it is may hang on the host and on the credential.
fn caching(tenant: &Tenant) -> [(HeaderName, String); 2] {
    let seconds = tenant.settings.key_set_max_age_seconds;
    [
        (header::CACHE_CONTROL, format!("public, max-age={seconds}")),
        (
            header::VARY,
            "host, authorization, x-publishable-key, origin".to_owned(),
        ),
    ]
}

/// A JWK Set (RFC 7517 §5).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeysAnswer {
    /// The public keys, newest first.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

/// Metadata of an issuer (RFC 8414 §2).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuerAnswer {
    /// The `iss` of the tenant's tokens.
    issuer: String,
    /// Where its keys are.
    jwks_uri: String,
    /// None yet: users sign in at `/v1/auth/login`.
    response_types_supported: Vec<&'static str>,
    /// None yet.
    grant_types_supported: Vec<&'static str>,
    /// Where clients ask whether a token is good (RFC 7662).
    introspection_endpoint: String,
    /// How they prove who they are there.
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    /// What their assertions are signed with.
    introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// Where clients revoke a token (RFC 7009).
    revocation_endpoint: String,
    /// How they prove who they are there.
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// What their assertions are signed with.
    revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// One `sub` a user, the same for all clients.
    subject_types_supported: Vec<&'static str>,
    /// What tokens are signed with: the algorithms of the published keys.
    id_token_signing_alg_values_supported: Vec<&'static str>,
}

pub(crate) fn keys() -> Endpoint {
    Endpoint::get("/.well-known/jwks.json", Action::ReadIssuerMetadata)
        .summary("The public keys that verify the tenant's tokens.")
        .gives::<KeysAnswer>(StatusCode::OK)
        .handled_by(give_keys)
}

pub(crate) fn openid_configuration() -> Endpoint {
    Endpoint::get(
        "/.well-known/openid-configuration",
        Action::ReadIssuerMetadata,
    )
    .summary("The tenant's issuer metadata; appended to the issuer.")
    .gives::<IssuerAnswer>(StatusCode::OK)
    .handled_by(give_issuer)
}

pub(crate) fn authorization_server() -> Endpoint {
    Endpoint::get(
        "/.well-known/oauth-authorization-server",
        Action::ReadIssuerMetadata,
    )
    .summary("The same (RFC 8414); inserted in front of the issuer's path.")
    .gives::<IssuerAnswer>(StatusCode::OK)
    .handled_by(give_issuer)
}

async fn give_keys(
    Caller(cx): Caller,
) -> Result<([(HeaderName, String); 2], Json<KeysAnswer>), Problem> {
    let (tenant, keys) = read_issuer(&cx).await?;
    let keys = public_keys(&keys)?;
    Ok((caching(&tenant), Json(KeysAnswer { keys })))
}

async fn give_issuer(
    Caller(cx): Caller,
) -> Result<([(HeaderName, String); 2], Json<IssuerAnswer>), Problem> {
    let (tenant, keys) = read_issuer(&cx).await?;
    let methods: Vec<_> = ClientAuthentication::ALL.map(|way| way.name()).into();
    let assertions: Vec<_> = SigningAlgorithm::ALL
        .map(|algorithm| algorithm.name())
        .into();
    let answer = IssuerAnswer {
        introspection_endpoint: format!("{}/oauth2/introspect", tenant.issuer),
        introspection_endpoint_auth_methods_supported: methods.clone(),
        introspection_endpoint_auth_signing_alg_values_supported: assertions.clone(),
        revocation_endpoint: format!("{}/oauth2/revoke", tenant.issuer),
        revocation_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_signing_alg_values_supported: assertions,
        jwks_uri: format!("{}/.well-known/jwks.json", tenant.issuer),
        issuer: tenant.issuer.to_string(),
        response_types_supported: vec![],
        grant_types_supported: vec![],
        subject_types_supported: vec!["public"],
        id_token_signing_alg_values_supported: algorithms(&keys),
    };
    Ok((caching(&tenant), Json(answer)))
}

/// The algorithms of these keys, each once.
fn algorithms(keys: &[SigningKey]) -> Vec<&'static str> {
    let is_there =
        |algorithm: &SigningAlgorithm| keys.iter().any(|key| key.algorithm == *algorithm);
    let found = SigningAlgorithm::ALL.into_iter().filter(is_there);
    found.map(SigningAlgorithm::name).collect()
}
