//! `POST /v1/auth/reauthenticate`

use super::login::LoginAnswer;
use super::register::password_code;
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, FieldErrors, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::Password;
use keyward_policy::Action;
use keyward_service::own_password::reauthenticate;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What proves who one is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReauthenticateRequest {
    /// Exactly as it was set.
    #[schema(value_type = String, format = "password", max_length = 1024)]
    password: SecretText,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::post("/v1/auth/reauthenticate", Action::Reauthenticate)
        .summary(
            "Proves anew who one is, for what a tenant asks that for (`reauthentication_max_age_seconds`). The session of this \
             request is over when the answer comes; the answer is a new one on the same device.",
        )
        .takes::<ReauthenticateRequest>()
        .gives::<LoginAnswer>(StatusCode::OK)
        .fails_with(&[Code::TooManyAttempts, Code::ChangedMeanwhile])
        .handled_by(prove_anew)
}

async fn prove_anew(
    Caller(cx): Caller,
    Body(request): Body<ReauthenticateRequest>,
) -> Result<Json<LoginAnswer>, Problem> {
    let mut errors = FieldErrors::default();
    let password = Password::presented(request.password.expose());
    let password = errors.check("/password", password_code, password);
    let password = password.ok_or_else(|| errors.into_problem())?;
    let proven = reauthenticate(&cx, Arc::new(password)).await;
    Ok(Json(
        proven
            .map_err(|error| Problem::of_own_password("/password", error))?
            .into(),
    ))
}
