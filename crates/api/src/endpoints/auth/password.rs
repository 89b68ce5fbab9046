//! `POST /v1/auth/password/change`

use super::login::LoginAnswer;
use super::register::password_code;
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, FieldErrors, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::Password;
use keyward_policy::Action;
use keyward_service::own_password::{ChangePassword, change_password};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Two passwords.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePasswordRequest {
    /// The one to sign in with until now.
    #[schema(value_type = String, format = "password", max_length = 1024)]
    current_password: SecretText,
    /// The one to sign in with from now on: at least 15 characters and at most 1024 bytes; any characters.
    #[schema(value_type = String, format = "password", min_length = 15, max_length = 1024)]
    new_password: SecretText,
}

pub(in crate::endpoints) fn change() -> Endpoint {
    Endpoint::post("/v1/auth/password/change", Action::ChangePassword)
        .summary(
            "Sets another password. All sessions of the user are over when the answer comes, also that of this request; the \
             answer is a new one on the same device. Devices that were known are known no longer.",
        )
        .takes::<ChangePasswordRequest>()
        .gives::<LoginAnswer>(StatusCode::OK)
        .fails_with(&[Code::TooManyAttempts, Code::ChangedMeanwhile])
        .handled_by(change_own)
}

async fn change_own(
    Caller(cx): Caller,
    Body(request): Body<ChangePasswordRequest>,
) -> Result<Json<LoginAnswer>, Problem> {
    let changed = change_password(&cx, request.into_command()?).await;
    Ok(Json(
        changed
            .map_err(|error| Problem::of_own_password("/current_password", error))?
            .into(),
    ))
}

impl ChangePasswordRequest {
    fn into_command(self) -> Result<ChangePassword, Problem> {
        let mut errors = FieldErrors::default();
        let current = Password::presented(self.current_password.expose());
        let current = errors.check("/current_password", password_code, current);
        let new = Password::chosen(self.new_password.expose());
        let new = errors.check("/new_password", password_code, new);
        match (current, new) {
            (Some(current), Some(new)) => Ok(ChangePassword {
                current: Arc::new(current),
                new: Arc::new(new),
            }),
            _ => Err(errors.into_problem()),
        }
    }
}
