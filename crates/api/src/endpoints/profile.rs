//! `GET /v1/profile`, `PATCH /v1/profile`

use crate::bodies::UserBody;
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, Field, FieldErrors};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::DisplayName;
use keyward_policy::Action;
use keyward_service::profile::{ChangeProfile, change_profile, read_profile};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to change. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileRequest {
    /// How the user wants to be called, 1 to 200 characters; null takes the name away.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Field<String>,
}

/// The profile.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileAnswer {
    /// As it is now.
    user: UserBody,
}

pub(crate) fn read() -> Endpoint {
    Endpoint::get("/v1/profile", Action::ReadProfile)
        .summary("Reads one's own profile.")
        .gives::<ProfileAnswer>(StatusCode::OK)
        .handled_by(read_own)
}

pub(crate) fn change() -> Endpoint {
    Endpoint::patch("/v1/profile", Action::ChangeProfile)
        .summary("Changes one's own profile.")
        .takes::<ProfileRequest>()
        .gives::<ProfileAnswer>(StatusCode::OK)
        .fails_with(&[Code::ChangedMeanwhile])
        .handled_by(change_own)
}

async fn read_own(Caller(cx): Caller) -> Result<Json<ProfileAnswer>, Problem> {
    let user = read_profile(&cx).await?.into();
    Ok(Json(ProfileAnswer { user }))
}

async fn change_own(
    Caller(cx): Caller,
    Body(request): Body<ProfileRequest>,
) -> Result<Json<ProfileAnswer>, Problem> {
    let mut errors = FieldErrors::default();
    let name = request.name.into_optional::<DisplayName>();
    let name = errors
        .check("/name", |_| "invalid", name)
        .ok_or_else(|| errors.into_problem())?;
    let user = change_profile(&cx, ChangeProfile { name }).await?.into();
    Ok(Json(ProfileAnswer { user }))
}
