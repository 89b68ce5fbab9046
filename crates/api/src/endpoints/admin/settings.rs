//! `GET /v1/admin/settings`, `PATCH /v1/admin/settings`

use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller};
use crate::problem::{Code, Problem};
use crate::version::{IfMatch, Versioned};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{SettingsChange, SigningAlgorithm, Tenant, TenantSettings};
use keyward_policy::Action;
use keyward_service::settings::{ChangeSettings, change_settings, read_settings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant's settings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsBody {
    /// How long an access token is valid.
    access_token_ttl_seconds: i64,
    /// How long a session lives whatever happens.
    session_ttl_seconds: i64,
    /// How long a session lives without a request.
    session_idle_seconds: i64,
    /// How many days a user who was deleted can be restored.
    user_deletion_grace_days: i64,
    /// What the next signing key signs with.
    #[schema(value_type = AlgorithmName)]
    signing_algorithm: SigningAlgorithm,
    /// After how many days a signing key is followed by another; never, if 0.
    signing_key_rotation_days: i64,
    /// How long a new signing key is published before it signs.
    signing_key_propagation_seconds: i64,
    /// How long verifiers may keep the key set.
    key_set_max_age_seconds: i64,
    /// How many attempts at an account's password there may be in a window, from wherever; on a known device as many again.
    account_attempts_max: i64,
    /// How many of them from one network.
    account_network_attempts_max: i64,
    /// After how many failures in a row an account's password is closed to unknown devices.
    account_failures_max: i64,
    /// For how many days a device is known that is not signed in on; none ever is, if 0.
    known_device_days: i64,
}

/// The settings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsAnswer {
    /// As they are now.
    settings: SettingsBody,
    /// Counts the tenant's changes; in quotes it is the entity tag for `If-Match`.
    version: i64,
}

/// What to change. What is not named stays. It holds for what begins afterwards: a session that stands keeps its times.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsRequest {
    /// How long an access token is valid: 30 to 3600, and not longer than a session.
    #[schema(minimum = 30, maximum = 3600)]
    access_token_ttl_seconds: Option<i64>,
    /// How long a session lives whatever happens: 300 to 2592000.
    #[schema(minimum = 300, maximum = 2_592_000)]
    session_ttl_seconds: Option<i64>,
    /// How long a session lives without a request: 60, and not longer than it lives at all.
    #[schema(minimum = 60, maximum = 2_592_000)]
    session_idle_seconds: Option<i64>,
    /// How many days a user who was deleted can be restored: 0 to 365.
    #[schema(minimum = 0, maximum = 365)]
    user_deletion_grace_days: Option<i64>,
    /// What the next signing key signs with.
    #[schema(value_type = Option<AlgorithmName>)]
    signing_algorithm: Option<AlgorithmName>,
    /// After how many days a signing key is followed by another: 0, never, to 3650.
    #[schema(minimum = 0, maximum = 3_650)]
    signing_key_rotation_days: Option<i64>,
    /// How long a new signing key is published before it signs: not less than `key_set_max_age_seconds`, 604800 at most.
    #[schema(minimum = 1, maximum = 604_800)]
    signing_key_propagation_seconds: Option<i64>,
    /// How long verifiers may keep the key set: 1 to 86400.
    #[schema(minimum = 1, maximum = 86_400)]
    key_set_max_age_seconds: Option<i64>,
    /// How many attempts at an account's password there may be in a window, from wherever; on a known device as many again: 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    account_attempts_max: Option<i64>,
    /// How many of them from one network: 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    account_network_attempts_max: Option<i64>,
    /// After how many failures in a row an account's password is closed to unknown devices: 10 to 100.
    #[schema(minimum = 10, maximum = 100)]
    account_failures_max: Option<i64>,
    /// For how many days a device is known that is not signed in on; none ever is, if 0: 0 to 365.
    #[schema(minimum = 0, maximum = 365)]
    known_device_days: Option<i64>,
}

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub(crate) enum AlgorithmName {
    /// Ed25519.
    EdDSA,
    /// ECDSA with P-256 and SHA-256.
    ES256,
}

pub(in crate::endpoints) fn read() -> Endpoint {
    Endpoint::get("/v1/admin/settings", Action::ReadSettings)
        .summary("Reads the tenant's settings.")
        .gives::<SettingsAnswer>(StatusCode::OK)
        .handled_by(read_own)
}

pub(in crate::endpoints) fn change() -> Endpoint {
    Endpoint::patch("/v1/admin/settings", Action::ChangeSettings)
        .summary("Changes the tenant's settings.")
        .takes::<SettingsRequest>()
        .conditional()
        .gives::<SettingsAnswer>(StatusCode::OK)
        .fails_with(&[Code::ChangedMeanwhile])
        .handled_by(change_own)
}

async fn read_own(Caller(cx): Caller) -> Result<Versioned<SettingsAnswer>, Problem> {
    Ok(versioned(read_settings(&cx).await?))
}

pub(in crate::endpoints) async fn change_own(
    Caller(cx): Caller,
    IfMatch(expected): IfMatch,
    Body(request): Body<SettingsRequest>,
) -> Result<Versioned<SettingsAnswer>, Problem> {
    let change = SettingsChange {
        access_token_ttl_seconds: request.access_token_ttl_seconds,
        session_ttl_seconds: request.session_ttl_seconds,
        session_idle_seconds: request.session_idle_seconds,
        user_deletion_grace_days: request.user_deletion_grace_days,
        signing_algorithm: request.signing_algorithm.map(SigningAlgorithm::from),
        signing_key_rotation_days: request.signing_key_rotation_days,
        signing_key_propagation_seconds: request.signing_key_propagation_seconds,
        key_set_max_age_seconds: request.key_set_max_age_seconds,
        account_attempts_max: request.account_attempts_max,
        account_network_attempts_max: request.account_network_attempts_max,
        account_failures_max: request.account_failures_max,
        known_device_days: request.known_device_days,
    };
    let tenant = change_settings(&cx, ChangeSettings { expected, change }).await?;
    Ok(versioned(tenant))
}

fn versioned(tenant: Tenant) -> Versioned<SettingsAnswer> {
    let (settings, version) = (tenant.settings.into(), tenant.version);
    Versioned(version, Json(SettingsAnswer { settings, version }))
}

impl From<TenantSettings> for SettingsBody {
    fn from(settings: TenantSettings) -> Self {
        let TenantSettings {
            access_token_ttl_seconds,
            session_ttl_seconds,
            session_idle_seconds,
            user_deletion_grace_days,
            signing_algorithm,
            signing_key_rotation_days,
            signing_key_propagation_seconds,
            key_set_max_age_seconds,
            account_attempts_max,
            account_network_attempts_max,
            account_failures_max,
            known_device_days,
        } = settings;
        Self {
            access_token_ttl_seconds,
            session_ttl_seconds,
            session_idle_seconds,
            user_deletion_grace_days,
            signing_algorithm,
            signing_key_rotation_days,
            signing_key_propagation_seconds,
            key_set_max_age_seconds,
            account_attempts_max,
            account_network_attempts_max,
            account_failures_max,
            known_device_days,
        }
    }
}

impl From<AlgorithmName> for SigningAlgorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::EdDSA => Self::EdDsa,
            AlgorithmName::ES256 => Self::Es256,
        }
    }
}
