//! `GET /v1/admin/users/{user_id}`, `PATCH /v1/admin/users/{user_id}`, `DELETE /v1/admin/users/{user_id}`

use super::{AdminUserAnswer, RoleName, versioned};
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, Field, FieldErrors, PathId};
use crate::problem::{Code, Problem};
use crate::version::{IfMatch, Versioned};
use axum::http::StatusCode;
use keyward_model::{
    Change, DisplayName, EmailAddress, Expected, InvalidEmail, Role, User, UserId,
};
use keyward_policy::Action;
use keyward_service::users::{ChangeUser, change_user, delete_user, read_user};
use serde::Deserialize;
use utoipa::ToSchema;

/// What to change. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUserRequest {
    /// Unique in the tenant, whatever its case.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "email", max_length = 254, nullable = false)]
    email: Field<String>,
    /// How the user is called, 1 to 200 characters; null takes the name away.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Field<String>,
    /// What the user may do, from the next request on. Whoever is an administrator no more has no session left.
    #[serde(default)]
    #[schema(value_type = Option<RoleName>, nullable = false)]
    role: Field<RoleName>,
}

pub(in crate::endpoints) fn read() -> Endpoint {
    Endpoint::get("/v1/admin/users/{user_id}", Action::ReadUser)
        .summary("Reads one user.")
        .gives::<AdminUserAnswer>(StatusCode::OK)
        .handled_by(read_one)
}

pub(in crate::endpoints) fn change() -> Endpoint {
    Endpoint::patch("/v1/admin/users/{user_id}", Action::ChangeUser)
        .summary("Changes a user.")
        .takes::<ChangeUserRequest>()
        .conditional()
        .gives::<AdminUserAnswer>(StatusCode::OK)
        .fails_with(&[
            Code::EmailTaken,
            Code::LastAdministrator,
            Code::WrongStatus,
            Code::ChangedMeanwhile,
        ])
        .handled_by(change_one)
}

pub(in crate::endpoints) fn delete() -> Endpoint {
    Endpoint::delete("/v1/admin/users/{user_id}", Action::DeleteUser)
        .summary("Deletes a user: at once they can do nothing, and after the time of grace they are gone.")
        .gives::<AdminUserAnswer>(StatusCode::ACCEPTED)
        .fails_with(&[Code::LastAdministrator, Code::ChangedMeanwhile])
        .handled_by(delete_one)
}

async fn read_one(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<Versioned<AdminUserAnswer>, Problem> {
    Ok(versioned(read_user(&cx, id).await?))
}

async fn change_one(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
    IfMatch(expected): IfMatch,
    Body(request): Body<ChangeUserRequest>,
) -> Result<Versioned<AdminUserAnswer>, Problem> {
    let command = request.into_command(id, expected)?;
    Ok(versioned(change_user(&cx, command).await?))
}

async fn delete_one(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<(StatusCode, Versioned<AdminUserAnswer>), Problem> {
    let user = delete_user(&cx, id).await?;
    Ok((StatusCode::ACCEPTED, versioned(user)))
}

impl ChangeUserRequest {
    fn into_command(self, user_id: UserId, expected: Expected) -> Result<ChangeUser, Problem> {
        let mut errors = FieldErrors::default();
        let email = errors.check("/email", |_| "invalid", email_of(self.email));
        let name = self.name.into_optional::<DisplayName>();
        let name = errors.check("/name", |_| "invalid", name);
        let role = errors.check("/role", |_| "invalid", role_of(self.role));
        match (email, name, role) {
            (Some(email), Some(name), Some(role)) => Ok(ChangeUser {
                user_id,
                expected,
                email,
                name,
                role,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}

fn email_of(field: Field<String>) -> Result<Change<EmailAddress>, InvalidEmail> {
    match field {
        Field::Absent => Ok(Change::Keep),
        Field::Null => Err(InvalidEmail),
        Field::Given(text) => text.parse().map(Change::Set),
    }
}

fn role_of(field: Field<RoleName>) -> Result<Change<Role>, &'static str> {
    match field {
        Field::Absent => Ok(Change::Keep),
        Field::Null => Err("every user has a role"),
        Field::Given(name) => Ok(Change::Set(name.into())),
    }
}
