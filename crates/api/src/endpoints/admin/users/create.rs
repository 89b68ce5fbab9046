//! `POST /v1/admin/users`

use super::{CreatedUserAnswer, RoleName};
use crate::endpoint::Endpoint;
use crate::endpoints::auth::register::password_code;
use crate::extract::{Body, Caller, FieldErrors, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{DisplayName, Password, Role};
use keyward_policy::Action;
use keyward_service::users::{Access, CreateUser, CreatedUser, create_user};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUserRequest {
    /// Unique in the tenant, whatever its case.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// How the user is called; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// `member` unless given.
    #[schema(value_type = Option<RoleName>)]
    role: Option<RoleName>,
    /// At least 15 characters and at most 1024 bytes; any characters. Without one the user is invited.
    #[schema(value_type = Option<String>, format = "password", min_length = 15, max_length = 1024)]
    password: Option<SecretText>,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::post("/v1/admin/users", Action::CreateUser)
        .summary("Makes an account for somebody, with a password or an invitation to set one.")
        .takes::<CreateUserRequest>()
        .gives::<CreatedUserAnswer>(StatusCode::CREATED)
        .idempotent::<CreatedUser>()
        .fails_with(&[Code::EmailTaken])
        .handled_by(create)
}

pub(in crate::endpoints) async fn create(
    Caller(cx): Caller,
    Body(request): Body<CreateUserRequest>,
) -> Result<(StatusCode, Json<CreatedUserAnswer>), Problem> {
    let created = create_user(&cx, request.into_command()?).await?;
    Ok((StatusCode::CREATED, Json((&created).into())))
}

impl CreateUserRequest {
    fn into_command(self) -> Result<CreateUser, Problem> {
        let mut errors = FieldErrors::default();
        let email = errors.check("/email", |_| "invalid", self.email.parse());
        let name = self.name.map(|name| name.parse::<DisplayName>());
        let name = errors.check("/name", |_| "invalid", name.transpose());
        let password = self.password.map(|text| Password::chosen(text.expose()));
        let password = errors.check("/password", password_code, password.transpose());
        match (email, name, password) {
            (Some(email), Some(name), Some(password)) => Ok(CreateUser {
                email,
                name,
                role: self.role.map_or(Role::Member, Role::from),
                access: password.map_or(Access::Invitation, |chosen| {
                    Access::Password(Arc::new(chosen))
                }),
            }),
            _ => Err(errors.into_problem()),
        }
    }
}
