//! `/operator/v1/tenants/{slug}/users`: what administrators do too, for a tenant that has none who could.

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::endpoints::admin::users::create::{CreateUserRequest, create as create_one};
use crate::endpoints::admin::users::invitation::invite as invite_one;
use crate::endpoints::admin::users::list::{UserParameters, list as give_list};
use crate::endpoints::admin::users::status::unlock_one;
use crate::endpoints::admin::users::{AdminUserAnswer, AdminUserBody, CreatedUserAnswer};
use crate::problem::Code;
use axum::http::StatusCode;
use keyward_policy::Action;

pub(in crate::endpoints) fn list() -> Endpoint {
    Endpoint::get("/operator/v1/tenants/{slug}/users", Action::ListUsers)
        .of_operators()
        .summary("Lists and searches the users of a tenant, oldest first.")
        .query::<UserParameters>()
        .gives::<PageBody<AdminUserBody>>(StatusCode::OK)
        .handled_by(give_list)
}

pub(in crate::endpoints) fn create() -> Endpoint {
    Endpoint::post("/operator/v1/tenants/{slug}/users", Action::CreateUser)
        .of_operators()
        .summary("Makes an account for somebody, with a password or an invitation to set one.")
        .takes::<CreateUserRequest>()
        .gives::<CreatedUserAnswer>(StatusCode::CREATED)
        .fails_with(&[Code::EmailTaken])
        .handled_by(create_one)
}

pub(in crate::endpoints) fn invite() -> Endpoint {
    Endpoint::post(
        "/operator/v1/tenants/{slug}/users/{user_id}/invitation",
        Action::InviteUser,
    )
    .of_operators()
    .summary(
        "Invites a user who has no password yet once more. The former link is worth nothing then.",
    )
    .gives::<CreatedUserAnswer>(StatusCode::CREATED)
    .fails_with(&[Code::WrongStatus, Code::ChangedMeanwhile])
    .handled_by(invite_one)
}

pub(in crate::endpoints) fn unlock() -> Endpoint {
    Endpoint::post(
        "/operator/v1/tenants/{slug}/users/{user_id}/unlock",
        Action::UnlockUser,
    )
    .of_operators()
    .summary("Opens an account again that too many failed sign-ins closed to unknown devices.")
    .gives::<AdminUserAnswer>(StatusCode::OK)
    .handled_by(unlock_one)
}
