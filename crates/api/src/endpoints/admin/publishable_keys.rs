//! `/v1/admin/publishable-keys`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, FieldErrors, PageParameters, Parameters, PathId};
use crate::once::Shown;
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{
    ALLOWED_ORIGINS_MAX, DisplayName, KeyMode, Origin, PublishableKey, PublishableKeyStatus,
};
use keyward_policy::Action;
use keyward_service::publishable_keys::{
    CreatePublishableKey, create_publishable_key, delete_publishable_key, disable_publishable_key,
    enable_publishable_key, list_publishable_keys,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreatePublishableKeyRequest {
    /// By which you know it; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// `live`, unless given: all origins are https. `test`: they may be http.
    mode: Option<ModeName>,
    /// From where browsers may call: `https://app.example.com`, with a port if it has one; no path and no wildcard.
    #[schema(max_items = 32, value_type = Vec<String>)]
    allowed_origins: Vec<String>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeName {
    /// An application that people use.
    Live,
    /// One that is being made.
    Test,
}

/// A publishable key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublishableKeyBody {
    /// UUIDv7.
    id: String,
    /// For `X-Publishable-Key`. It is public: it names the tenant and proves nothing.
    key: String,
    /// By which you know it.
    name: String,
    /// What it is for.
    mode: ModeName,
    /// `active` or `disabled`.
    #[schema(value_type = String)]
    status: PublishableKeyStatus,
    /// From where browsers may call.
    allowed_origins: Vec<String>,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
}

/// The key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublishableKeyAnswer {
    /// As it is now.
    publishable_key: PublishableKeyBody,
}

pub(crate) fn create() -> Endpoint {
    Endpoint::post("/v1/admin/publishable-keys", Action::CreatePublishableKey)
        .summary("Makes a publishable key, which names the tenant at once.")
        .takes::<CreatePublishableKeyRequest>()
        .gives::<PublishableKeyAnswer>(StatusCode::CREATED)
        .idempotent::<PublishableKey>()
        .fails_with(&[Code::TooManyPublishableKeys])
        .handled_by(
            async |Caller(cx): Caller, Body(request): Body<CreatePublishableKeyRequest>| {
                let key = create_publishable_key(&cx, request.into_command()?).await?;
                Ok::<_, Problem>((StatusCode::CREATED, Json(PublishableKeyAnswer::from(key))))
            },
        )
}

pub(crate) fn list() -> Endpoint {
    Endpoint::get("/v1/admin/publishable-keys", Action::ListPublishableKeys)
        .summary("Lists the publishable keys, oldest first.")
        .query::<PageParameters>()
        .gives::<PageBody<PublishableKeyBody>>(StatusCode::OK)
        .handled_by(
            async |Caller(cx): Caller, Parameters(page): Parameters<PageParameters>| {
                let keys = list_publishable_keys(&cx, page.into_request()?).await?;
                let body: PageBody<_> = keys.map(PublishableKeyBody::from).into();
                Ok::<_, Problem>(Json(body))
            },
        )
}

pub(crate) fn enable() -> Endpoint {
    let path = "/v1/admin/publishable-keys/{key_id}/enable";
    Endpoint::post(path, Action::EnablePublishableKey)
        .summary("Lets a publishable key name the tenant again.")
        .gives::<PublishableKeyAnswer>(StatusCode::OK)
        .fails_with(&[Code::NotFound])
        .handled_by(
            async |Caller(cx): Caller, PathId(id): PathId<PublishableKey>| {
                let key = enable_publishable_key(&cx, id).await?;
                Ok::<_, Problem>(Json(PublishableKeyAnswer::from(key)))
            },
        )
}

pub(crate) fn disable() -> Endpoint {
    let path = "/v1/admin/publishable-keys/{key_id}/disable";
    Endpoint::post(path, Action::DisablePublishableKey)
        .summary("Lets a publishable key name nobody. It does not when the answer comes.")
        .gives::<PublishableKeyAnswer>(StatusCode::OK)
        .fails_with(&[Code::NotFound])
        .handled_by(
            async |Caller(cx): Caller, PathId(id): PathId<PublishableKey>| {
                let key = disable_publishable_key(&cx, id).await?;
                Ok::<_, Problem>(Json(PublishableKeyAnswer::from(key)))
            },
        )
}

pub(crate) fn delete() -> Endpoint {
    let path = "/v1/admin/publishable-keys/{key_id}";
    Endpoint::delete(path, Action::DeletePublishableKey)
        .summary("Takes a publishable key away. It names nobody when the answer comes.")
        .gives_no_json(StatusCode::NO_CONTENT)
        .fails_with(&[Code::NotFound])
        .handled_by(
            async |Caller(cx): Caller, PathId(id): PathId<PublishableKey>| {
                delete_publishable_key(&cx, id).await?;
                Ok::<_, Problem>(StatusCode::NO_CONTENT)
            },
        )
}

impl Shown for PublishableKey {
    type Body = PublishableKeyAnswer;

    fn body(&self) -> PublishableKeyAnswer {
        self.clone().into()
    }

    fn made(&self) -> Uuid {
        self.id.uuid()
    }
}

impl CreatePublishableKeyRequest {
    fn into_command(self) -> Result<CreatePublishableKey, Problem> {
        let mut errors = FieldErrors::default();
        let name = errors.check("/name", |_| "invalid", self.name.parse::<DisplayName>());
        let length = match self.allowed_origins.len() {
            length if length > ALLOWED_ORIGINS_MAX => Err(format!("at most {ALLOWED_ORIGINS_MAX}")),
            _ => Ok(()),
        };
        errors.check("/allowed_origins", |_| "too_long", length);
        let mode = self.mode.map_or(KeyMode::Live, KeyMode::from);
        let mut allowed_origins = BTreeSet::new();
        for (index, text) in self
            .allowed_origins
            .iter()
            .enumerate()
            .take(ALLOWED_ORIGINS_MAX)
        {
            let origin = text.parse::<Origin>().map_err(|error| error.to_string());
            let origin = origin.and_then(|origin| match mode.may_allow(&origin) {
                true => Ok(origin),
                false => Err("the origins of a live key are https".to_owned()),
            });
            let pointer = format!("/allowed_origins/{index}");
            allowed_origins.extend(errors.check(&pointer, |_| "invalid", origin));
        }
        match (name, errors.is_empty()) {
            (Some(name), true) => Ok(CreatePublishableKey {
                name,
                mode,
                allowed_origins,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}

impl From<ModeName> for KeyMode {
    fn from(mode: ModeName) -> Self {
        match mode {
            ModeName::Live => Self::Live,
            ModeName::Test => Self::Test,
        }
    }
}

impl From<PublishableKey> for PublishableKeyBody {
    fn from(key: PublishableKey) -> Self {
        Self {
            id: key.id.to_string(),
            mode: match key.key.mode() {
                KeyMode::Live => ModeName::Live,
                KeyMode::Test => ModeName::Test,
            },
            key: key.key.to_string(),
            name: key.name.to_string(),
            status: key.status,
            allowed_origins: key
                .allowed_origins
                .iter()
                .map(ToString::to_string)
                .collect(),
            created_at: key.created_at.to_string(),
        }
    }
}

impl From<PublishableKey> for PublishableKeyAnswer {
    fn from(key: PublishableKey) -> Self {
        let publishable_key = key.into();
        Self { publishable_key }
    }
}
