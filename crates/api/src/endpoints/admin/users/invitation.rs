//! `POST /v1/admin/users/{user_id}/invitation`

use super::CreatedUserAnswer;
use crate::endpoint::Endpoint;
use crate::extract::{Caller, PathId};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::User;
use keyward_policy::Action;
use keyward_service::invitations::invite_user;
use keyward_service::users::CreatedUser;

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::post("/v1/admin/users/{user_id}/invitation", Action::InviteUser)
        .summary("Invites a user who has no password yet once more. The former token is worth nothing then.")
        .gives::<CreatedUserAnswer>(StatusCode::CREATED)
        .idempotent::<CreatedUser>()
        .fails_with(&[Code::WrongStatus, Code::ChangedMeanwhile])
        .handled_by(invite)
}

pub(in crate::endpoints) async fn invite(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<(StatusCode, Json<CreatedUserAnswer>), Problem> {
    let invited = invite_user(&cx, id).await?;
    Ok((StatusCode::CREATED, Json((&invited).into())))
}
