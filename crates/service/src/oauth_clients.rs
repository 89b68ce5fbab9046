//! OAuth clients: made, listed, changed, switched off and on, and taken away by administrators of their tenant.

use crate::cx::{Cx, Owned, TenantWide};
use crate::outcome::{Disclosed, Recorded};
use keyward_crypto::{client_secret_digest, mint_client_secret, verify_client_key};
use keyward_model::{
    CLIENT_KEYS_MAX, Change, ClientAuthentication, ClientId, ClientKey, ClientRights, ClientSecret,
    ClientSecrets, ClientStatus, DisplayName, Event, Expected, OAUTH_CLIENTS_MAX, OAuthClient,
    Page, PageRequest, UserId,
};
use keyward_policy::{Action, Denied};
use uuid::Uuid;

/// How long a secret counts at most after another has taken its place: a week.
pub const OVERLAP_SECONDS_MAX: i64 = 7 * 24 * 3_600;

/// A client that is to be made.
#[derive(Debug)]
pub struct CreateOAuthClient {
    /// By which administrators know it.
    pub name: DisplayName,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// What it may do with tokens that were not issued to it.
    pub rights: ClientRights,
    /// What it signs with; none, if it has a secret.
    pub keys: Vec<ClientKey>,
}

/// What is to be changed.
#[derive(Debug)]
pub struct ChangeOAuthClient {
    /// Of which client.
    pub id: ClientId,
    /// Of which version.
    pub expected: Expected,
    /// By which administrators know it.
    pub name: Change<DisplayName>,
    /// What it may do.
    pub rights: Change<ClientRights>,
    /// What it signs with: all of its keys.
    pub keys: Change<Vec<ClientKey>>,
}

/// A client with the secret that it just got; none of one that signs.
#[derive(Debug, Clone)]
pub struct ClientWithSecret {
    /// As it is now.
    pub client: OAuthClient,
    /// In clear, this once.
    pub secret: Option<ClientSecret>,
}

/// Why a client was not made, shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum OAuthClientError {
    /// One that signs has keys, one that has a secret has none.
    #[error(
        "a client of private_key_jwt has 1 to {CLIENT_KEYS_MAX} keys, and one that has a secret none"
    )]
    WrongKeys,
    /// It has no secret that could be another.
    #[error("a client of private_key_jwt has no secret")]
    NoSecret,
    /// The tenant has as many clients as it may have.
    #[error("a tenant has at most {OAUTH_CLIENTS_MAX} OAuth clients")]
    TooMany,
    /// The id exists already, which its random bits make as good as impossible.
    #[error("the client exists already")]
    Taken,
    /// There is none.
    #[error("no such client")]
    NotFound,
    /// It is of another version.
    #[error("the client is of another version")]
    OtherVersion,
    /// Somebody else changed it at the same moment.
    #[error("the client was changed meanwhile")]
    Changed,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

impl Owned for OAuthClient {
    fn owner(&self) -> Option<UserId> {
        None
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.id.uuid())
    }
}

/// Makes a client, which may do what its rights say at once.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn create_oauth_client(
    cx: &Cx,
    command: CreateOAuthClient,
) -> Result<ClientWithSecret, OAuthClientError> {
    check_keys(command.authentication, &command.keys)?;
    let made = new_client(cx, command);
    // One at a time in the tenant, so that none is counted too few.
    cx.govern(async move |cx, tx| {
        let permit = cx.permit(Action::CreateClient, &TenantWide)?;
        if tx.count_oauth_clients().await? >= OAUTH_CLIENTS_MAX {
            return Err(OAuthClientError::TooMany);
        }
        if !tx.insert_oauth_client(&made.client).await? {
            return Err(OAuthClientError::Taken);
        }
        let client = made.client.clone();
        Ok(Recorded::new(
            permit,
            made,
            Event::OAuthClientCreated { client },
        ))
    })
    .await
}

/// The tenant's clients, oldest first.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn list_oauth_clients(
    cx: &Cx,
    page: PageRequest,
) -> Result<Page<OAuthClient>, OAuthClientError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListClients, &TenantWide)?;
        Ok(Disclosed::new(permit, tx.list_oauth_clients(page).await?))
    })
    .await
}

/// One of the tenant's clients.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn read_oauth_client(cx: &Cx, id: ClientId) -> Result<OAuthClient, OAuthClientError> {
    cx.read(async move |cx, tx| {
        let found = tx.find_oauth_client(id).await?;
        let found = found.ok_or(OAuthClientError::NotFound)?;
        let permit = cx.permit(Action::ReadClient, &found)?;
        Ok(Disclosed::new(permit, found))
    })
    .await
}

/// Changes a client. What it may no longer do, and keys that it no longer has, are refused from the answer on.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn change_oauth_client(
    cx: &Cx,
    command: ChangeOAuthClient,
) -> Result<OAuthClient, OAuthClientError> {
    cx.write(async move |cx, tx| {
        let before = tx.find_oauth_client(command.id).await?;
        let before = before.ok_or(OAuthClientError::NotFound)?;
        let permit = cx.permit(Action::ChangeClient, &before)?;
        if !command.expected.admits(before.version) {
            return Err(OAuthClientError::OtherVersion);
        }
        let wanted = OAuthClient {
            name: command.name.over(before.name.clone()),
            rights: command.rights.over(before.rights),
            keys: command.keys.over(before.keys.clone()),
            ..before.clone()
        };
        check_keys(wanted.authentication, &wanted.keys)?;
        if wanted == before {
            return Ok(Recorded::unchanged(permit, before));
        }
        let after = tx.change_oauth_client(&wanted).await?;
        let after = after.ok_or(OAuthClientError::Changed)?;
        let changed = after.clone();
        let event = Event::OAuthClientChanged { before, after };
        Ok(Recorded::new(permit, changed, event))
    })
    .await
}

/// Gives a client another secret. The one that it has counts for `overlap_seconds` more, at most
/// [`OVERLAP_SECONDS_MAX`]; one from before that is over at once.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn rotate_client_secret(
    cx: &Cx,
    id: ClientId,
    overlap_seconds: i64,
) -> Result<ClientWithSecret, OAuthClientError> {
    let secret = mint_client_secret(cx.platform().random());
    let digest = client_secret_digest(&secret);
    let previous_until = cx
        .now()
        .plus_seconds(overlap_seconds.clamp(0, OVERLAP_SECONDS_MAX));
    cx.write(async move |cx, tx| {
        let before = tx.find_oauth_client(id).await?;
        let before = before.ok_or(OAuthClientError::NotFound)?;
        let permit = cx.permit(Action::RotateClientSecret, &before)?;
        if !before.authentication.has_secret() {
            return Err(OAuthClientError::NoSecret);
        }
        let wanted = OAuthClient {
            secrets: before.secrets.rotated(digest, previous_until),
            ..before
        };
        let client = tx.change_oauth_client(&wanted).await?;
        let client = client.ok_or(OAuthClientError::Changed)?;
        let event = Event::OAuthClientSecretRotated {
            client: client.clone(),
            previous_until,
        };
        let secret = Some(secret);
        Ok(Recorded::new(
            permit,
            ClientWithSecret { client, secret },
            event,
        ))
    })
    .await
}

/// Lets a client in again. One that is let in already stays as it is.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn enable_oauth_client(cx: &Cx, id: ClientId) -> Result<OAuthClient, OAuthClientError> {
    switch(cx, id, (Action::EnableClient, ClientStatus::Active)).await
}

/// Refuses a client, from the answer on. One that is refused already stays as it is.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn disable_oauth_client(cx: &Cx, id: ClientId) -> Result<OAuthClient, OAuthClientError> {
    switch(cx, id, (Action::DisableClient, ClientStatus::Disabled)).await
}

/// Takes a client away for good, from the answer on.
///
/// # Errors
/// [`OAuthClientError`].
pub async fn delete_oauth_client(cx: &Cx, id: ClientId) -> Result<(), OAuthClientError> {
    cx.write(async move |cx, tx| {
        let found = tx.find_oauth_client(id).await?;
        let found = found.ok_or(OAuthClientError::NotFound)?;
        let permit = cx.permit(Action::DeleteClient, &found)?;
        let deleted = tx.delete_oauth_client(id).await?;
        let client = deleted.ok_or(OAuthClientError::NotFound)?;
        Ok(Recorded::new(
            permit,
            (),
            Event::OAuthClientDeleted { client },
        ))
    })
    .await
}

async fn switch(
    cx: &Cx,
    id: ClientId,
    (action, status): (Action, ClientStatus),
) -> Result<OAuthClient, OAuthClientError> {
    cx.write(async move |cx, tx| {
        let found = tx.find_oauth_client(id).await?;
        let found = found.ok_or(OAuthClientError::NotFound)?;
        let permit = cx.permit(action, &found)?;
        let Some(client) = tx.set_oauth_client_status(id, status).await? else {
            return Ok(Recorded::unchanged(permit, found));
        };
        let switched = client.clone();
        let event = match status {
            ClientStatus::Active => Event::OAuthClientEnabled { client },
            ClientStatus::Disabled => Event::OAuthClientDisabled { client },
        };
        Ok(Recorded::new(permit, switched, event))
    })
    .await
}

/// Whether a key can verify anything: whether it is a point of its curve.
pub fn check_client_key(key: &ClientKey) -> bool {
    verify_client_key(key).is_ok()
}

fn check_keys(
    authentication: ClientAuthentication,
    keys: &[ClientKey],
) -> Result<(), OAuthClientError> {
    let wanted = match authentication.has_secret() {
        true => 0..=0,
        false => 1..=CLIENT_KEYS_MAX,
    };
    match wanted.contains(&keys.len()) {
        true => Ok(()),
        false => Err(OAuthClientError::WrongKeys),
    }
}

fn new_client(cx: &Cx, command: CreateOAuthClient) -> ClientWithSecret {
    let has_secret = command.authentication.has_secret();
    let secret = has_secret.then(|| mint_client_secret(cx.platform().random()));
    let client = OAuthClient {
        id: cx.platform().mint(cx.now()),
        name: command.name,
        authentication: command.authentication,
        rights: command.rights,
        status: ClientStatus::Active,
        secrets: ClientSecrets {
            current: secret.as_ref().map(client_secret_digest),
            previous: None,
        },
        keys: command.keys,
        created_at: cx.now(),
        version: 1,
    };
    ClientWithSecret { client, secret }
}
