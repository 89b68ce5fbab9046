//! `/v1/admin/clients`: the tenant's OAuth clients.

mod bodies;
mod jwk;

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller, PageParameters, Parameters, PathId};
use crate::once::Shown;
use crate::problem::{Code, Problem};
use crate::version::{IfMatch, Versioned};
use axum::Json;
use axum::http::StatusCode;
use bodies::{
    ChangeClientRequest, ClientAnswer, ClientBody, ClientSecretAnswer, CreateClientRequest,
    RotateSecretRequest,
};
use keyward_model::OAuthClient;
use keyward_policy::Action;
use keyward_service::oauth_clients::{
    ClientWithSecret, change_oauth_client, create_oauth_client, delete_oauth_client,
    disable_oauth_client, enable_oauth_client, list_oauth_clients, read_oauth_client,
    rotate_client_secret,
};
use uuid::Uuid;

const ALL: &str = "/v1/admin/clients";
const ONE: &str = "/v1/admin/clients/{client_id}";

pub(in crate::endpoints) fn create() -> Endpoint {
    Endpoint::post(ALL, Action::CreateClient)
        .summary("Makes an OAuth client. Its secret, if it has one, is shown this once.")
        .takes::<CreateClientRequest>()
        .gives::<ClientSecretAnswer>(StatusCode::CREATED)
        .idempotent::<ClientWithSecret>()
        .fails_with(&[Code::TooManyClients])
        .handled_by(
            async |Caller(cx): Caller, Body(request): Body<CreateClientRequest>| {
                let made = create_oauth_client(&cx, request.into_command()?).await?;
                Ok::<_, Problem>((StatusCode::CREATED, Json(ClientSecretAnswer::from(&made))))
            },
        )
}

pub(in crate::endpoints) fn list() -> Endpoint {
    Endpoint::get(ALL, Action::ListClients)
        .summary("Lists the OAuth clients, oldest first.")
        .query::<PageParameters>()
        .gives::<PageBody<ClientBody>>(StatusCode::OK)
        .handled_by(
            async |Caller(cx): Caller, Parameters(page): Parameters<PageParameters>| {
                let clients = list_oauth_clients(&cx, page.into_request()?).await?;
                let body: PageBody<_> = clients.map(ClientBody::from).into();
                Ok::<_, Problem>(Json(body))
            },
        )
}

pub(in crate::endpoints) fn read() -> Endpoint {
    Endpoint::get(ONE, Action::ReadClient)
        .summary("Shows an OAuth client, without its secret.")
        .gives::<ClientAnswer>(StatusCode::OK)
        .handled_by(
            async |Caller(cx): Caller, PathId(id): PathId<OAuthClient>| {
                Ok::<_, Problem>(versioned(read_oauth_client(&cx, id).await?))
            },
        )
}

pub(in crate::endpoints) fn change() -> Endpoint {
    Endpoint::patch(ONE, Action::ChangeClient)
        .summary(
            "Changes an OAuth client. What it may no longer do is refused when the answer comes.",
        )
        .takes::<ChangeClientRequest>()
        .conditional()
        .gives::<ClientAnswer>(StatusCode::OK)
        .fails_with(&[Code::ChangedMeanwhile])
        .handled_by(
            async |Caller(cx): Caller,
                   PathId(id): PathId<OAuthClient>,
                   IfMatch(expected): IfMatch,
                   Body(request): Body<ChangeClientRequest>| {
                let command = request.into_command(id, expected)?;
                Ok::<_, Problem>(versioned(change_oauth_client(&cx, command).await?))
            },
        )
}

pub(in crate::endpoints) fn rotate_secret() -> Endpoint {
    let path = "/v1/admin/clients/{client_id}/rotate-secret";
    Endpoint::post(path, Action::RotateClientSecret)
        .summary("Gives an OAuth client another secret, shown this once. The one before counts for a while.")
        .takes::<RotateSecretRequest>()
        .gives::<ClientSecretAnswer>(StatusCode::OK)
        .idempotent::<ClientWithSecret>()
        .fails_with(&[Code::ChangedMeanwhile, Code::ClientHasNoSecret])
        .handled_by(
            async |Caller(cx): Caller,
                   PathId(id): PathId<OAuthClient>,
                   Body(request): Body<RotateSecretRequest>| {
                let overlap = request.overlap_seconds()?;
                let rotated = rotate_client_secret(&cx, id, overlap).await?;
                Ok::<_, Problem>(Json(ClientSecretAnswer::from(&rotated)))
            },
        )
}

pub(in crate::endpoints) fn enable() -> Endpoint {
    let path = "/v1/admin/clients/{client_id}/enable";
    Endpoint::post(path, Action::EnableClient)
        .summary("Lets an OAuth client in again.")
        .gives::<ClientAnswer>(StatusCode::OK)
        .handled_by(
            async |Caller(cx): Caller, PathId(id): PathId<OAuthClient>| {
                Ok::<_, Problem>(versioned(enable_oauth_client(&cx, id).await?))
            },
        )
}

pub(in crate::endpoints) fn disable() -> Endpoint {
    let path = "/v1/admin/clients/{client_id}/disable";
    Endpoint::post(path, Action::DisableClient)
        .summary("Refuses an OAuth client. It is refused when the answer comes.")
        .gives::<ClientAnswer>(StatusCode::OK)
        .handled_by(
            async |Caller(cx): Caller, PathId(id): PathId<OAuthClient>| {
                Ok::<_, Problem>(versioned(disable_oauth_client(&cx, id).await?))
            },
        )
}

pub(in crate::endpoints) fn delete() -> Endpoint {
    Endpoint::delete(ONE, Action::DeleteClient)
        .summary("Takes an OAuth client away. It is refused when the answer comes.")
        .gives_no_json(StatusCode::NO_CONTENT)
        .handled_by(
            async |Caller(cx): Caller, PathId(id): PathId<OAuthClient>| {
                delete_oauth_client(&cx, id).await?;
                Ok::<_, Problem>(StatusCode::NO_CONTENT)
            },
        )
}

fn versioned(client: OAuthClient) -> Versioned<ClientAnswer> {
    let version = client.version;
    let client = client.into();
    Versioned(version, Json(ClientAnswer { client }))
}

impl Shown for ClientWithSecret {
    type Body = ClientSecretAnswer;

    fn body(&self) -> ClientSecretAnswer {
        self.into()
    }

    fn made(&self) -> Uuid {
        self.client.id.uuid()
    }

    fn shows_secret(&self) -> bool {
        self.secret.is_some()
    }
}
