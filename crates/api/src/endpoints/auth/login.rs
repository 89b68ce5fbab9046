//! `POST /v1/auth/login`

use super::register::password_code;
use crate::bodies::{SessionBody, UserBody};
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, FieldErrors, Object, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{Device, DeviceTokenSecret, Password};
use keyward_policy::Action;
use keyward_service::sign_in::{SignIn, sign_in};
use keyward_service::signed_in::SignedIn;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What a user presents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// Of the account, whatever its case.
    #[schema(format = "email")]
    email: String,
    /// Exactly as it was set.
    #[schema(value_type = String, format = "password", max_length = 1024)]
    password: SecretText,
    /// A code of the second factor; not looked at while the account has none.
    #[schema(value_type = Option<String>, max_length = 64)]
    #[expect(
        dead_code,
        reason = "part of the contract from the first release; second factors are yet to come"
    )]
    mfa_code: Option<SecretText>,
    /// The device, in its own words; shown to the user and never trusted.
    #[schema(value_type = Option<DeviceRequest>)]
    device: Option<Object<DeviceRequest>>,
}

/// A device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceRequest {
    /// A name that the user knows it by; 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// By which the client recognizes the device; up to 256 characters. Opaque: Keyward shows it to the user and repeats a
    /// refresh to the same one only; it proves nothing. Send something random that the client keeps, not what identifies a
    /// person or a machine elsewhere.
    #[schema(max_length = 256)]
    fingerprint: Option<String>,
    /// Which device wins a conflict, 0 to 100; higher wins.
    #[schema(minimum = 0, maximum = 100)]
    priority: Option<u8>,
    /// The `device_token` of the last sign-in on this device: attempts are then counted for the device by itself, and what
    /// others do to the account does not keep its user out. One that is wrong or over is as if none were sent.
    #[schema(value_type = Option<String>, format = "password", max_length = 64)]
    token: Option<SecretText>,
}

/// A session with its tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginAnswer {
    /// `complete`.
    status: &'static str,
    /// Proves the session: a JWT (RFC 9068).
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// How many seconds the access token is valid.
    expires_in: i64,
    /// Continues the session; opaque.
    refresh_token: String,
    /// By which this device is known at the next sign-in; opaque. To be kept as long as the device is used, also when the
    /// user signs out. Given at sign-in alone, and
    /// not when the tenant wants no known devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
    /// The session.
    session: SessionBody,
    /// Whose it is.
    user: UserBody,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::post("/v1/auth/login", Action::SignIn)
        .summary("Signs a user in. Unknown, wrong and disabled give one answer; too many attempts give another, alike for all.")
        .takes::<LoginRequest>()
        .gives::<LoginAnswer>(StatusCode::OK)
        .fails_with(&[
            Code::InvalidCredentials,
            Code::TooManyAttempts,
            Code::TooManySessions,
        ])
        .handled_by(login)
}

async fn login(
    Caller(cx): Caller,
    Body(request): Body<LoginRequest>,
) -> Result<Json<LoginAnswer>, Problem> {
    let signed_in = sign_in(&cx, request.into_command()?).await?;
    Ok(Json(signed_in.into()))
}

impl LoginRequest {
    fn into_command(self) -> Result<SignIn, Problem> {
        let mut errors = FieldErrors::default();
        let email = errors.check("/email", |_| "invalid", self.email.parse());
        let password = errors.check(
            "/password",
            password_code,
            Password::presented(self.password.expose()),
        );
        let device_token = self
            .device
            .as_ref()
            .and_then(|Object(device)| device.token.as_ref())
            .map(|token| DeviceTokenSecret::new(token.expose().to_owned()));
        let device = errors.check(
            "/device",
            |_| "invalid",
            self.device
                .map(|Object(device)| device.into_device())
                .transpose(),
        );
        match (email, password, device) {
            (Some(email), Some(password), Some(device)) => Ok(SignIn {
                email,
                password: Arc::new(password),
                device: device.unwrap_or_default(),
                device_token,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}

impl DeviceRequest {
    fn into_device(self) -> Result<Device, &'static str> {
        if !is_plain(&self.name) || !(1..=100).contains(&self.name.chars().count()) {
            return Err("a device's name has 1 to 100 characters and no control characters");
        }
        check_fingerprint(self.fingerprint.as_deref())?;
        match self.priority.unwrap_or(0) {
            priority @ 0..=100 => Ok(Device {
                name: Some(self.name),
                fingerprint: self.fingerprint,
                priority: i64::from(priority),
            }),
            _ => Err("a priority is 0 to 100"),
        }
    }
}

/// Whether that is what a client may call its device.
pub(super) fn check_fingerprint(fingerprint: Option<&str>) -> Result<(), &'static str> {
    match fingerprint {
        Some(text) if !is_plain(text) || text.chars().count() > 256 => {
            Err("a fingerprint has up to 256 characters and no control characters")
        }
        _ => Ok(()),
    }
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

impl From<SignedIn> for LoginAnswer {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            status: "complete",
            access_token: signed_in.access_token.expose().to_owned(),
            token_type: "Bearer",
            expires_in: signed_in.expires_in,
            refresh_token: signed_in.refresh_token.expose().to_owned(),
            device_token: signed_in
                .device_token
                .map(|token| token.expose().to_owned()),
            session: SessionBody::opened(signed_in.session, signed_in.concurrent),
            user: signed_in.user.into(),
        }
    }
}
