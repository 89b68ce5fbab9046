//! `POST /oauth2/revoke` (RFC 7009)

use crate::endpoint::Endpoint;
use crate::extract::{Caller, FormBody};
use crate::problem::{Code, Problem};
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::revocation::revoke_token;
use serde::Deserialize;
use utoipa::ToSchema;

/// What is to be revoked (§2.1), as a form. The client proves who it is in `Authorization: Basic` or here.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of a form, which is read by name")]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationRequest {
    /// The token. A refresh token takes its session with it, an access token goes alone.
    #[schema(format = "password")]
    token: String,
    /// Not looked at: what kind a token is of shows in itself.
    token_type_hint: Option<String>,
    /// The client, unless it stands in the header or in the assertion.
    #[schema(format = "uuid")]
    client_id: Option<String>,
    /// Of a client of `client_secret_post`.
    #[schema(format = "password")]
    client_secret: Option<String>,
    /// Of a client of `private_key_jwt`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
    /// The assertion (RFC 7523), good for once.
    client_assertion: Option<String>,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::post("/oauth2/revoke", Action::RevokeToken)
        .by_clients()
        .summary("Revokes a token, which is refused when the answer comes (RFC 7009).")
        .takes_form::<RevocationRequest>()
        .gives_no_json(StatusCode::OK)
        .fails_with(&[Code::UnsupportedTokenType, Code::UnauthorizedClient])
        .handled_by(async |Caller(cx): Caller, FormBody(form): FormBody| {
            revoke_token(&cx, form.require("token")?).await?;
            Ok::<_, Problem>(StatusCode::OK)
        })
}
