//! `POST /v1/auth/register`

use crate::bodies::UserBody;
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, FieldErrors, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{DisplayName, Password, PasswordProblem};
use keyward_policy::Action;
use keyward_service::registration::{RegisterUser, register_user};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterRequest {
    /// Unique in the tenant, whatever its case.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// At least 15 characters, at most 1024 bytes; any characters.
    #[schema(value_type = String, format = "password", min_length = 15, max_length = 1024)]
    password: SecretText,
    /// How the user wants to be called; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
}

/// The account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegisterAnswer {
    /// As it is now.
    pub(super) user: UserBody,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::post("/v1/auth/register", Action::Register)
        .summary("Makes an account with the role of a member.")
        .takes::<RegisterRequest>()
        .gives::<RegisterAnswer>(StatusCode::CREATED)
        .fails_with(&[Code::EmailTaken, Code::TooManyAttempts])
        .handled_by(register)
}

async fn register(
    Caller(cx): Caller,
    Body(request): Body<RegisterRequest>,
) -> Result<(StatusCode, Json<RegisterAnswer>), Problem> {
    let user = register_user(&cx, request.into_command()?).await?;
    Ok((
        StatusCode::CREATED,
        Json(RegisterAnswer { user: user.into() }),
    ))
}

impl RegisterRequest {
    fn into_command(self) -> Result<RegisterUser, Problem> {
        let mut errors = FieldErrors::default();
        let email = errors.check("/email", |_| "invalid", self.email.parse());
        let password = errors.check(
            "/password",
            password_code,
            Password::chosen(self.password.expose()),
        );
        let name = errors.check(
            "/name",
            |_| "invalid",
            self.name
                .map(|name| name.parse::<DisplayName>())
                .transpose(),
        );
        match (email, password, name) {
            (Some(email), Some(password), Some(name)) => Ok(RegisterUser {
                email,
                password: Arc::new(password),
                name,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}

pub(in crate::endpoints) fn password_code(problem: &PasswordProblem) -> &'static str {
    match problem {
        PasswordProblem::TooShort => "too_short",
        PasswordProblem::TooLong => "too_long",
    }
}
