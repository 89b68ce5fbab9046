//! `/operator/v1/tenants/{slug}/signing-keys`: the keys that sign a tenant's tokens.

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{Caller, Named};
use crate::once::Shown;
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{SigningKey, SigningKeyId, SigningKeyState};
use keyward_policy::Action;
use keyward_service::signing_keys::{
    ListedSigningKey, list_signing_keys, revoke_signing_key, rotate_signing_key,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A signing key, as operators see it: nothing of it is secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SigningKeyBody {
    /// The `kid` of its tokens: UUIDv7.
    id: String,
    /// What it signs with: `EdDSA` or `ES256`.
    algorithm: &'static str,
    /// `published` (it does not sign yet), `signing`, `retiring` (its tokens still count), `retired` or `revoked`.
    #[schema(value_type = String)]
    state: SigningKeyState,
    /// When it was made, and published. RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// From when on it signs, until a later key does.
    #[schema(format = "date-time")]
    signs_from: String,
    /// Until when it is published; none while it has no successor.
    #[schema(format = "date-time")]
    published_until: Option<String>,
    /// When it was revoked.
    #[schema(format = "date-time")]
    revoked_at: Option<String>,
}

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SigningKeyAnswer {
    /// As it is now.
    signing_key: SigningKeyBody,
}

pub(in crate::endpoints) fn list() -> Endpoint {
    Endpoint::get(
        "/operator/v1/tenants/{slug}/signing-keys",
        Action::ListSigningKeys,
    )
    .of_operators()
    .summary("Lists all signing keys that a tenant ever had, newest first.")
    .gives::<PageBody<SigningKeyBody>>(StatusCode::OK)
    .handled_by(give_list)
}

pub(in crate::endpoints) fn rotate() -> Endpoint {
    Endpoint::post("/operator/v1/tenants/{slug}/signing-keys/rotate", Action::RotateSigningKey)
        .of_operators()
        .summary("Makes the next signing key. It is published at once, and signs after the propagation time.")
        .gives::<SigningKeyAnswer>(StatusCode::CREATED)
        .idempotent::<SigningKey>()
        .fails_with(&[Code::RotationUnderWay, Code::ChangedMeanwhile])
        .handled_by(do_rotate)
}

pub(in crate::endpoints) fn revoke() -> Endpoint {
    Endpoint::post(
        "/operator/v1/tenants/{slug}/signing-keys/{kid}/revoke",
        Action::RevokeSigningKey,
    )
    .of_operators()
    .summary("Revokes a signing key: its tokens are refused when the answer comes, which is the key that signs now.")
    .gives::<SigningKeyAnswer>(StatusCode::OK)
    .fails_with(&[Code::ChangedMeanwhile])
    .handled_by(do_revoke)
}

async fn give_list(Caller(cx): Caller) -> Result<Json<PageBody<SigningKeyBody>>, Problem> {
    let keys = list_signing_keys(&cx).await?;
    let items = keys.into_iter().map(SigningKeyBody::from).collect();
    Ok(Json(PageBody::whole(items)))
}

async fn do_rotate(Caller(cx): Caller) -> Result<(StatusCode, Json<SigningKeyAnswer>), Problem> {
    let key = rotate_signing_key(&cx).await?;
    Ok((StatusCode::CREATED, Json(key.body())))
}

async fn do_revoke(
    Caller(cx): Caller,
    Named(kid): Named<SigningKeyId>,
) -> Result<Json<SigningKeyAnswer>, Problem> {
    let key = revoke_signing_key(&cx, kid).await?;
    let state = SigningKeyState::Signing;
    let signing_key = ListedSigningKey { key, state }.into();
    Ok(Json(SigningKeyAnswer { signing_key }))
}

/// The next signing key, as a rotation makes it.
impl Shown for SigningKey {
    type Body = SigningKeyAnswer;

    fn body(&self) -> SigningKeyAnswer {
        let (key, state) = (self.clone(), SigningKeyState::Published);
        let signing_key = ListedSigningKey { key, state }.into();
        SigningKeyAnswer { signing_key }
    }

    fn made(&self) -> Uuid {
        self.id.uuid()
    }
}

impl From<ListedSigningKey> for SigningKeyBody {
    fn from(listed: ListedSigningKey) -> Self {
        let SigningKey {
            id,
            algorithm,
            public_key: _,
            sealed_private_key: _,
            created_at,
            signs_from,
            token_ttl_seconds: _,
            published_until,
            revoked_at,
            version: _,
        } = listed.key;
        Self {
            id: id.to_string(),
            algorithm: algorithm.name(),
            state: listed.state,
            created_at: created_at.to_string(),
            signs_from: signs_from.to_string(),
            published_until: published_until.map(|moment| moment.to_string()),
            revoked_at: revoked_at.map(|moment| moment.to_string()),
        }
    }
}
