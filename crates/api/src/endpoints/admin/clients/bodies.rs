//! What is sent and shown of OAuth clients.

use super::jwk::{JwkBody, JwksRequest};
use crate::extract::FieldErrors;
use crate::problem::Problem;
use keyward_model::{
    Change, ClientAuthentication, ClientId, ClientKey, ClientRight, ClientRights, ClientStatus,
    DisplayName, Expected, OAuthClient,
};
use keyward_service::oauth_clients::{
    ChangeOAuthClient, ClientWithSecret, CreateOAuthClient, OVERLAP_SECONDS_MAX,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long the secret before counts unless said otherwise: a day.
const OVERLAP_SECONDS: i64 = 24 * 3_600;

/// A new client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateClientRequest {
    /// By which you know it; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// How it proves who it is: `client_secret_basic`, unless given, `client_secret_post` or `private_key_jwt`.
    #[schema(value_type = Option<String>)]
    token_endpoint_auth_method: Option<ClientAuthentication>,
    /// What it may do with tokens that were not issued to it: `introspect` access tokens, `introspect_refresh_tokens`,
    /// `revoke`; and `follow_revocations`, to hear of each revocation of the tenant.
    #[schema(value_type = Vec<String>)]
    rights: Vec<ClientRight>,
    /// Its public keys, of a client of `private_key_jwt`: 1 to 4.
    jwks: Option<JwksRequest>,
}

/// What is to be changed. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeClientRequest {
    /// By which you know it; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// All that it may do with tokens that were not issued to it.
    #[schema(value_type = Option<Vec<String>>)]
    rights: Option<Vec<ClientRight>>,
    /// All of its public keys.
    jwks: Option<JwksRequest>,
}

/// Another secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecretRequest {
    /// How long the secret before counts as well, 0 to 604800; a day unless given. One from before that is over at once.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<i64>,
}

/// An OAuth client.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientBody {
    /// UUIDv7; its `client_id`.
    id: String,
    /// By which you know it.
    name: String,
    /// How it proves who it is.
    #[schema(value_type = String)]
    token_endpoint_auth_method: ClientAuthentication,
    /// What it may do with tokens that were not issued to it.
    #[schema(value_type = Vec<String>)]
    rights: Vec<ClientRight>,
    /// `active` or `disabled`.
    #[schema(value_type = String)]
    status: ClientStatus,
    /// Its public keys; none of one that has a secret.
    jwks: Option<JwksBody>,
    /// Until when the secret before counts; null if there is none.
    #[schema(format = "date-time")]
    previous_secret_until: Option<String>,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// Counts its changes; it is the entity tag.
    version: i64,
}

/// A JWK Set (RFC 7517 §5).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JwksBody {
    /// The keys.
    keys: Vec<JwkBody>,
}

/// The client.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientAnswer {
    /// As it is now.
    pub(super) client: ClientBody,
}

/// The client, with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientSecretAnswer {
    /// As it is now.
    client: ClientBody,
    /// Shown this once; none of a client of `private_key_jwt`.
    #[schema(format = "password")]
    client_secret: Option<String>,
}

impl CreateClientRequest {
    pub(super) fn into_command(self) -> Result<CreateOAuthClient, Problem> {
        let mut errors = FieldErrors::default();
        let name = errors.check("/name", |_| "invalid", self.name.parse::<DisplayName>());
        let method = self.token_endpoint_auth_method;
        let authentication = method.unwrap_or(ClientAuthentication::ClientSecretBasic);
        let keys = match self.jwks {
            Some(jwks) => jwks.into_keys(&mut errors),
            None => Some(Vec::new()),
        };
        let fits = check_presence(authentication, keys.as_deref().unwrap_or_default());
        if errors.is_empty() {
            errors.check("/jwks", |_| "invalid", fits);
        }
        match (name, keys) {
            (Some(name), Some(keys)) if errors.is_empty() => Ok(CreateOAuthClient {
                name,
                authentication,
                rights: self.rights.into_iter().collect(),
                keys,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}

/// Named here as the field that it is; the use case refuses it too.
fn check_presence(
    authentication: ClientAuthentication,
    keys: &[ClientKey],
) -> Result<(), &'static str> {
    match (authentication.has_secret(), keys.is_empty()) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => Err("a client that has a secret has no keys"),
        (false, true) => Err("a client of private_key_jwt has keys"),
    }
}

impl ChangeClientRequest {
    pub(super) fn into_command(
        self,
        id: ClientId,
        expected: Expected,
    ) -> Result<ChangeOAuthClient, Problem> {
        let mut errors = FieldErrors::default();
        let name = self
            .name
            .map(|name| name.parse::<DisplayName>())
            .transpose();
        let name = errors.check("/name", |_| "invalid", name).flatten();
        let keys = self.jwks.and_then(|jwks| jwks.into_keys(&mut errors));
        let rights = self
            .rights
            .map(|rights| rights.into_iter().collect::<ClientRights>());
        match errors.is_empty() {
            true => Ok(ChangeOAuthClient {
                id,
                expected,
                name: name.map_or(Change::Keep, Change::Set),
                rights: rights.map_or(Change::Keep, Change::Set),
                keys: keys.map_or(Change::Keep, Change::Set),
            }),
            false => Err(errors.into_problem()),
        }
    }
}

impl RotateSecretRequest {
    pub(super) fn overlap_seconds(&self) -> Result<i64, Problem> {
        let seconds = self.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
        let mut errors = FieldErrors::default();
        let fits = match (0..=OVERLAP_SECONDS_MAX).contains(&seconds) {
            true => Ok(seconds),
            false => Err(format!("0 to {OVERLAP_SECONDS_MAX}")),
        };
        let fits = errors.check("/overlap_seconds", |_| "invalid", fits);
        fits.ok_or_else(|| errors.into_problem())
    }
}

impl From<OAuthClient> for ClientBody {
    fn from(client: OAuthClient) -> Self {
        let keys: Vec<JwkBody> = client.keys.into_iter().map(JwkBody::from).collect();
        let until = client.secrets.previous.map(|(_, until)| until);
        Self {
            id: client.id.to_string(),
            name: client.name.to_string(),
            token_endpoint_auth_method: client.authentication,
            rights: client.rights.list(),
            status: client.status,
            jwks: (!keys.is_empty()).then_some(JwksBody { keys }),
            previous_secret_until: until.map(|until| until.to_string()),
            created_at: client.created_at.to_string(),
            version: client.version,
        }
    }
}

impl From<&ClientWithSecret> for ClientSecretAnswer {
    fn from(made: &ClientWithSecret) -> Self {
        let secret = made.secret.as_ref();
        Self {
            client: made.client.clone().into(),
            client_secret: secret.map(|secret| secret.expose().to_owned()),
        }
    }
}
