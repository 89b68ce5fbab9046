//! Publishable keys: made, listed, switched off and on, and taken away by administrators of their tenant.

use crate::cx::{Cx, Owned, TenantWide};
use crate::outcome::{Disclosed, Recorded};
use keyward_model::{
    ALLOWED_ORIGINS_MAX, DisplayName, Event, KeyMode, Origin, PUBLISHABLE_KEYS_MAX, Page,
    PageRequest, PublishableKey, PublishableKeyId, PublishableKeyStatus, PublishableName, UserId,
};
use keyward_policy::{Action, Denied};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A key that is to be made.
#[derive(Debug)]
pub struct CreatePublishableKey {
    /// By which administrators know it.
    pub name: DisplayName,
    /// What it is for.
    pub mode: KeyMode,
    /// From where browsers may call.
    pub allowed_origins: BTreeSet<Origin>,
}

/// Why a publishable key was not made, shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum PublishableKeyError {
    /// More origins than one key may have.
    #[error("a key has at most {ALLOWED_ORIGINS_MAX} origins")]
    TooManyOrigins,
    /// An origin that can be changed on the way, on a key for live use.
    #[error("{0} is not https, which the origins of a live key are")]
    InsecureOrigin(Origin),
    /// The tenant has as many keys as it may have.
    #[error("a tenant has at most {PUBLISHABLE_KEYS_MAX} publishable keys")]
    TooMany,
    /// The key exists already, which 128 random bits make as good as impossible.
    #[error("the key exists already")]
    Taken,
    /// There is none.
    #[error("no such publishable key")]
    NotFound,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

impl Owned for PublishableKey {
    fn owner(&self) -> Option<UserId> {
        None
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.id.uuid())
    }
}

/// Makes a key, which names the tenant at once.
///
/// # Errors
/// [`PublishableKeyError`].
pub async fn create_publishable_key(
    cx: &Cx,
    command: CreatePublishableKey,
) -> Result<PublishableKey, PublishableKeyError> {
    let key = new_key(cx, command)?;
    // One at a time in the tenant, so that none is counted too few.
    cx.govern(async move |cx, tx| {
        let permit = cx.permit(Action::CreatePublishableKey, &TenantWide)?;
        if tx.count_publishable_keys().await? >= PUBLISHABLE_KEYS_MAX {
            return Err(PublishableKeyError::TooMany);
        }
        if !tx.insert_publishable_key(&key).await? {
            return Err(PublishableKeyError::Taken);
        }
        let event = Event::PublishableKeyCreated { key: key.clone() };
        Ok(Recorded::new(permit, key, event))
    })
    .await
}

/// The tenant's keys, oldest first.
///
/// # Errors
/// [`PublishableKeyError`].
pub async fn list_publishable_keys(
    cx: &Cx,
    page: PageRequest,
) -> Result<Page<PublishableKey>, PublishableKeyError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListPublishableKeys, &TenantWide)?;
        Ok(Disclosed::new(
            permit,
            tx.list_publishable_keys(page).await?,
        ))
    })
    .await
}

/// Lets a key lead to its tenant again. One that does already stays as it is.
///
/// # Errors
/// [`PublishableKeyError`].
pub async fn enable_publishable_key(
    cx: &Cx,
    id: PublishableKeyId,
) -> Result<PublishableKey, PublishableKeyError> {
    let active = (Action::EnablePublishableKey, PublishableKeyStatus::Active);
    switch(cx, id, active).await
}

/// Lets a key lead nowhere, from the answer on. One that does already stays as it is.
///
/// # Errors
/// [`PublishableKeyError`].
pub async fn disable_publishable_key(
    cx: &Cx,
    id: PublishableKeyId,
) -> Result<PublishableKey, PublishableKeyError> {
    let disabled = (
        Action::DisablePublishableKey,
        PublishableKeyStatus::Disabled,
    );
    switch(cx, id, disabled).await
}

/// Takes a key away for good.
///
/// # Errors
/// [`PublishableKeyError`].
pub async fn delete_publishable_key(
    cx: &Cx,
    id: PublishableKeyId,
) -> Result<(), PublishableKeyError> {
    cx.write(async move |cx, tx| {
        let found = tx.find_publishable_key(id).await?;
        let found = found.ok_or(PublishableKeyError::NotFound)?;
        let permit = cx.permit(Action::DeletePublishableKey, &found)?;
        let deleted = tx.delete_publishable_key(id).await?;
        let event = Event::PublishableKeyDeleted {
            tenant_id: cx.tenant_id(),
            key: deleted.ok_or(PublishableKeyError::NotFound)?,
        };
        Ok(Recorded::new(permit, (), event))
    })
    .await
}

async fn switch(
    cx: &Cx,
    id: PublishableKeyId,
    (action, status): (Action, PublishableKeyStatus),
) -> Result<PublishableKey, PublishableKeyError> {
    cx.write(async move |cx, tx| {
        let found = tx.find_publishable_key(id).await?;
        let found = found.ok_or(PublishableKeyError::NotFound)?;
        let permit = cx.permit(action, &found)?;
        let Some(key) = tx.set_publishable_key_status(id, status).await? else {
            return Ok(Recorded::unchanged(permit, found));
        };
        let event = match status {
            PublishableKeyStatus::Active => Event::PublishableKeyEnabled { key: key.clone() },
            PublishableKeyStatus::Disabled => Event::PublishableKeyDisabled {
                tenant_id: cx.tenant_id(),
                key: key.clone(),
            },
        };
        Ok(Recorded::new(permit, key, event))
    })
    .await
}

fn new_key(cx: &Cx, command: CreatePublishableKey) -> Result<PublishableKey, PublishableKeyError> {
    let CreatePublishableKey {
        name,
        mode,
        allowed_origins,
    } = command;
    if allowed_origins.len() > ALLOWED_ORIGINS_MAX {
        return Err(PublishableKeyError::TooManyOrigins);
    }
    let refused = allowed_origins
        .iter()
        .find(|origin| !mode.may_allow(origin));
    if let Some(origin) = refused {
        return Err(PublishableKeyError::InsecureOrigin(origin.clone()));
    }
    let mut random = [0; 16];
    cx.platform().random().fill(&mut random);
    Ok(PublishableKey {
        id: cx.platform().mint(cx.now()),
        key: PublishableName::mint(mode, random),
        name,
        status: PublishableKeyStatus::Active,
        allowed_origins: allowed_origins.into_iter().collect(),
        created_at: cx.now(),
        version: 1,
    })
}
