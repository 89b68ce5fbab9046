//! `POST /operator/v1/tenants`

use super::GovernedTenantBody;
use crate::endpoint::Endpoint;
use crate::endpoints::auth::register::password_code;
use crate::extract::{Body, Caller, FieldErrors, SecretText};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{EmailAddress, Password};
use keyward_policy::Action;
use keyward_service::tenants::{CreateTenant, create_tenant};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A tenant to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTenantRequest {
    /// Its short name: 2 to 63 of a-z, 0-9 and -, with a letter or digit at each end.
    #[schema(min_length = 2, max_length = 63)]
    slug: String,
    /// The host names that are its own; the first one makes its issuer.
    #[serde(default)]
    hosts: Vec<String>,
    /// Its issuer, where neither the first host nor the public URL is right. It is never changed.
    issuer: Option<String>,
    /// Its first administrator.
    administrator: Option<AdministratorRequest>,
}

/// The first administrator of a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdministratorRequest {
    /// How they sign in.
    #[schema(format = "email")]
    email: String,
    /// What with.
    #[schema(value_type = String, format = "password")]
    password: SecretText,
}

/// The tenant that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedTenantAnswer {
    /// As it is now.
    tenant: GovernedTenantBody,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::post("/operator/v1/tenants", Action::CreateTenant)
        .of_operators()
        .summary("Makes a tenant with keys of its own and, if asked for, its first administrator.")
        .takes::<CreateTenantRequest>()
        .gives::<CreatedTenantAnswer>(StatusCode::CREATED)
        .fails_with(&[Code::TenantTaken, Code::HostTaken])
        .handled_by(create)
}

async fn create(
    Caller(cx): Caller,
    Body(request): Body<CreateTenantRequest>,
) -> Result<(StatusCode, Json<CreatedTenantAnswer>), Problem> {
    let tenant = create_tenant(&cx, request.into_command()?).await?.into();
    Ok((StatusCode::CREATED, Json(CreatedTenantAnswer { tenant })))
}

impl CreateTenantRequest {
    fn into_command(self) -> Result<CreateTenant, Problem> {
        let mut errors = FieldErrors::default();
        let slug = errors.check("/slug", |_| "invalid", self.slug.parse());
        let hosts: Option<Vec<_>> = self
            .hosts
            .iter()
            .enumerate()
            .map(|(index, host)| {
                errors.check(&format!("/hosts/{index}"), |_| "invalid", host.parse())
            })
            .collect();
        let issuer = self.issuer.map(|issuer| issuer.parse()).transpose();
        let issuer = errors.check("/issuer", |_| "invalid", issuer);
        let administrator = match self.administrator {
            Some(administrator) => administrator.check(&mut errors).map(Some),
            None => Some(None),
        };
        match (slug, hosts, issuer, administrator) {
            (Some(slug), Some(hosts), Some(issuer), Some(administrator)) => Ok(CreateTenant {
                slug,
                hosts,
                issuer,
                administrator,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}

impl AdministratorRequest {
    fn check(self, errors: &mut FieldErrors) -> Option<(EmailAddress, Arc<Password>)> {
        let email = errors.check("/administrator/email", |_| "invalid", self.email.parse());
        let password = errors.check(
            "/administrator/password",
            password_code,
            Password::chosen(self.password.expose()),
        );
        Some((email?, Arc::new(password?)))
    }
}
