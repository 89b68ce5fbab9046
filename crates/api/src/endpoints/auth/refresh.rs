//! `POST /v1/auth/refresh`

use super::login::{LoginAnswer, check_fingerprint};
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, FieldErrors, Object, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::RefreshTokenSecret;
use keyward_policy::Action;
use keyward_service::refresh::{RefreshSession, refresh_session};
use serde::Deserialize;
use utoipa::ToSchema;

/// What continues a session.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// As the last answer gave it. Each is good once; the answer to it is given again for ten seconds.
    #[schema(value_type = String)]
    refresh_token: SecretText,
    /// The device. Whoever names it here gets an answer a second time only under the same name.
    #[schema(value_type = Option<RefreshDevice>)]
    device: Option<Object<RefreshDevice>>,
}

/// A device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshDevice {
    /// By which the client recognizes the device; up to 256 characters.
    #[schema(max_length = 256)]
    fingerprint: String,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::post("/v1/auth/refresh", Action::RefreshSession)
        .summary("Exchanges a refresh token for the next one and a new access token.")
        .takes::<RefreshRequest>()
        .gives::<LoginAnswer>(StatusCode::OK)
        .fails_with(&[Code::InvalidRefreshToken, Code::ChangedMeanwhile])
        .handled_by(refresh)
}

async fn refresh(
    Caller(cx): Caller,
    Body(request): Body<RefreshRequest>,
) -> Result<Json<LoginAnswer>, Problem> {
    let refreshed = refresh_session(&cx, request.into_command()?).await?;
    Ok(Json(refreshed.into()))
}

impl RefreshRequest {
    fn into_command(self) -> Result<RefreshSession, Problem> {
        let mut errors = FieldErrors::default();
        let fingerprint = self.device.map(|Object(device)| device.fingerprint);
        let checked = check_fingerprint(fingerprint.as_deref());
        match errors.check("/device/fingerprint", |_| "invalid", checked) {
            Some(()) => Ok(RefreshSession {
                token: RefreshTokenSecret::new(self.refresh_token.expose().to_owned()),
                device_fingerprint: fingerprint,
            }),
            None => Err(errors.into_problem()),
        }
    }
}
