//! `POST /v1/auth/invitation/accept`

use super::register::{RegisterAnswer, password_code};
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, FieldErrors, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{DisplayName, InvitationSecret, Password};
use keyward_policy::Action;
use keyward_service::invitations::{AcceptInvitation, accept_invitation};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What an invited user presents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptInvitationRequest {
    /// As it was handed over.
    #[schema(value_type = String, format = "password", max_length = 256)]
    token: SecretText,
    /// The password to sign in with from now on: at least 15 characters and at most 1024 bytes; any characters.
    #[schema(value_type = String, format = "password", min_length = 15, max_length = 1024)]
    password: SecretText,
    /// How the user wants to be called, 1 to 200 characters; as the administrator said unless given.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
}

pub(in crate::endpoints) fn accept() -> Endpoint {
    Endpoint::post("/v1/auth/invitation/accept", Action::AcceptInvitation)
        .summary("Sets an invited user's first password. They sign in with it afterwards.")
        .takes::<AcceptInvitationRequest>()
        .gives::<RegisterAnswer>(StatusCode::OK)
        .fails_with(&[Code::InvalidInvitation, Code::TooManyAttempts])
        .handled_by(accept_one)
}

async fn accept_one(
    Caller(cx): Caller,
    Body(request): Body<AcceptInvitationRequest>,
) -> Result<Json<RegisterAnswer>, Problem> {
    let user = accept_invitation(&cx, request.into_command()?).await?;
    Ok(Json(RegisterAnswer { user: user.into() }))
}

impl AcceptInvitationRequest {
    fn into_command(self) -> Result<AcceptInvitation, Problem> {
        let mut errors = FieldErrors::default();
        let password = Password::chosen(self.password.expose());
        let password = errors.check("/password", password_code, password);
        let name = self.name.map(|name| name.parse::<DisplayName>());
        let name = errors.check("/name", |_| "invalid", name.transpose());
        match (password, name) {
            (Some(password), Some(name)) => Ok(AcceptInvitation {
                token: InvitationSecret::new(self.token.expose().to_owned()),
                password: Arc::new(password),
                name,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}
