//! `POST /v1/admin/users/{user_id}/disable`, `…/enable`, `…/unlock`, `…/restore`

use super::{AdminUserAnswer, versioned};
use crate::endpoint::Endpoint;
use crate::extract::{Caller, PathId};
use crate::problem::{Code, Problem};
use crate::version::Versioned;
use axum::http::StatusCode;
use keyward_model::User;
use keyward_policy::Action;
use keyward_service::users::{disable_user, enable_user, restore_user, unlock_user};

pub(in crate::endpoints) fn disable() -> Endpoint {
    Endpoint::post("/v1/admin/users/{user_id}/disable", Action::DisableUser)
        .summary("Keeps a user from signing in. Their tokens are dead when the answer comes.")
        .gives::<AdminUserAnswer>(StatusCode::OK)
        .fails_with(&[
            Code::LastAdministrator,
            Code::WrongStatus,
            Code::ChangedMeanwhile,
        ])
        .handled_by(disable_one)
}

pub(in crate::endpoints) fn enable() -> Endpoint {
    Endpoint::post("/v1/admin/users/{user_id}/enable", Action::EnableUser)
        .summary("Lets a disabled user sign in again.")
        .gives::<AdminUserAnswer>(StatusCode::OK)
        .fails_with(&[Code::WrongStatus, Code::ChangedMeanwhile])
        .handled_by(enable_one)
}

pub(in crate::endpoints) fn unlock() -> Endpoint {
    Endpoint::post("/v1/admin/users/{user_id}/unlock", Action::UnlockUser)
        .summary("Opens an account again that too many failed sign-ins closed to unknown devices.")
        .gives::<AdminUserAnswer>(StatusCode::OK)
        .handled_by(unlock_one)
}

pub(in crate::endpoints) fn restore() -> Endpoint {
    Endpoint::post("/v1/admin/users/{user_id}/restore", Action::RestoreUser)
        .summary("Takes the deletion of a user back, while the time of grace lasts.")
        .gives::<AdminUserAnswer>(StatusCode::OK)
        .fails_with(&[Code::ChangedMeanwhile])
        .handled_by(restore_one)
}

async fn disable_one(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<Versioned<AdminUserAnswer>, Problem> {
    Ok(versioned(disable_user(&cx, id).await?))
}

async fn enable_one(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<Versioned<AdminUserAnswer>, Problem> {
    Ok(versioned(enable_user(&cx, id).await?))
}

pub(in crate::endpoints) async fn unlock_one(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<Versioned<AdminUserAnswer>, Problem> {
    Ok(versioned(unlock_user(&cx, id).await?))
}

async fn restore_one(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<Versioned<AdminUserAnswer>, Problem> {
    Ok(versioned(restore_user(&cx, id).await?))
}
