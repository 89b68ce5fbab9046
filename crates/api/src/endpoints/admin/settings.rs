//! `GET /v1/admin/settings`, `PATCH /v1/admin/settings`

use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller};
use crate::problem::{Code, Problem};
use crate::version::{IfMatch, Versioned};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{
    SESSION_PRESET, SETTINGS, SessionPreset, Setting, SettingKind, SettingsChange, Tenant,
    TenantSettings,
};
use keyward_policy::Action;
use keyward_service::settings::{ChangeSettings, change_settings, read_settings};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A tenant's settings. What there is and what it says stands with the settings themselves.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct SettingsBody(Value);

/// The settings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsAnswer {
    /// As they are now.
    settings: SettingsBody,
    /// Counts the tenant's changes; in quotes it is the entity tag for `If-Match`.
    version: i64,
}

/// A change of them.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct SettingsRequest(SettingsChange);

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
    Body(SettingsRequest(change)): Body<SettingsRequest>,
) -> Result<Versioned<SettingsAnswer>, Problem> {
    let tenant = change_settings(&cx, ChangeSettings { expected, change }).await?;
    Ok(versioned(tenant))
}

fn versioned(tenant: Tenant) -> Versioned<SettingsAnswer> {
    let (settings, version) = (tenant.settings.into(), tenant.version);
    Versioned(version, Json(SettingsAnswer { settings, version }))
}

impl From<TenantSettings> for SettingsBody {
    fn from(settings: TenantSettings) -> Self {
        Self(settings.shown())
    }
}

impl ToSchema for SettingsBody {
    fn name() -> Cow<'static, str> {
        "SettingsBody".into()
    }
}

impl PartialSchema for SettingsBody {
    fn schema() -> RefOr<Schema> {
        let about = "The session preset that the settings are those of, if there is one.";
        let body = SETTINGS.iter().fold(ObjectBuilder::new(), |body, setting| {
            body.property(setting.name, schema_of(setting, false))
                .required(setting.name)
        });
        body.property(SESSION_PRESET, preset_schema(about))
            .required(SESSION_PRESET)
            .description(Some("A tenant's settings."))
            .into()
    }
}

impl ToSchema for SettingsRequest {
    fn name() -> Cow<'static, str> {
        "SettingsRequest".into()
    }
}

impl PartialSchema for SettingsRequest {
    fn schema() -> RefOr<Schema> {
        let about = "Sets `session_ttl_seconds`, `session_idle_seconds` and `reauthentication_max_age_seconds` to what goes \
                     with an assurance level of NIST SP 800-63B-4: 30 days, 7 days and 0 at `aal1`; 24 hours, one and one at \
                     `aal2`; 12 hours, 15 minutes and 15 minutes at `aal3`. What is named beside it counts.";
        let body = SETTINGS.iter().fold(ObjectBuilder::new(), |body, setting| {
            body.property(setting.name, schema_of(setting, true))
        });
        let description = "What to change. What is not named stays. It holds for what begins afterwards: a session that stands \
                           keeps its times.";
        body.property(SESSION_PRESET, preset_schema(about))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .description(Some(description))
            .into()
    }
}

/// The schema of one setting; in a change it may be null, which says nothing.
fn schema_of(setting: &Setting, nullable: bool) -> Schema {
    let of_type = |kind: Type| match nullable {
        true => SchemaType::from_iter([kind, Type::Null]),
        false => SchemaType::new(kind),
    };
    let object = ObjectBuilder::new().description(Some(setting.about));
    let object = match setting.kind {
        SettingKind::Number(range) => object
            .schema_type(of_type(Type::Integer))
            .minimum(Some(range.least))
            .maximum(Some(range.most)),
        SettingKind::Choice(choices) => {
            let choices = choices.iter().map(|choice| Value::from(*choice));
            let null = nullable.then_some(Value::Null);
            object
                .schema_type(of_type(Type::String))
                .enum_values(Some(choices.chain(null)))
        }
    };
    object.into()
}

fn preset_schema(about: &str) -> Schema {
    let names = SessionPreset::ALL.map(|preset| Value::from(preset.name()));
    ObjectBuilder::new()
        .description(Some(about))
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(names.into_iter().chain([Value::Null])))
        .into()
}
