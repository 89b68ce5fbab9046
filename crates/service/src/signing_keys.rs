//! The keys that sign a tenant's tokens: listed, rotated, revoked, retired.
//!
//! What each of them is for follows from its times ([`keyward_model::SigningKeysAt`]). Changes are compare-and-set on a key's
//! version: of two that meet one wins, and the other says so.

use crate::cx::{Cx, Owned, TenantWide};
use crate::keyring::{KeyringError, sealing_key_of};
use crate::outcome::{Disclosed, Recorded};
use keyward_model::{
    Event, JobFence, JobKind, NewJob, Route, SigningKey, SigningKeyId, SigningKeyState,
    SigningKeysAt, Succession, Tenant, Timestamp, UserId,
};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;
use uuid::Uuid;

/// How often a revocation is tried where others change the same key: it must not wait for somebody to ask again.
const REVOCATION_ATTEMPTS: usize = 5;

/// Why no key was shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The tenant has no such key, or its time is over.
    #[error("no such signing key, or its time is over")]
    NotFound,
    /// The successor of the key that signs is there already, and signs from that moment on.
    #[error("a rotation is under way: the next key signs from {0}")]
    UnderWay(Timestamp),
    /// Somebody else changed the keys at the same time.
    #[error("the signing keys were changed meanwhile")]
    Changed,
    /// The tenant's keys could not be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// A signing key, and what it is for at the moment of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSigningKey {
    /// The key.
    pub key: SigningKey,
    /// What it is for.
    pub state: SigningKeyState,
}

impl Owned for SigningKey {
    fn owner(&self) -> Option<UserId> {
        None
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.id.uuid())
    }
}

/// The signing keys that the tenant ever had, newest first.
///
/// # Errors
/// [`SigningKeyError`].
pub async fn list_signing_keys(cx: &Cx) -> Result<Vec<ListedSigningKey>, SigningKeyError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListSigningKeys, &TenantWide)?;
        let keys = tx.list_signing_keys().await?;
        let states = SigningKeysAt::new(&keys, cx.now());
        let listed = keys.iter().map(|key| ListedSigningKey {
            key: key.clone(),
            state: states.state_of(key),
        });
        Ok(Disclosed::new(permit, listed.collect()))
    })
    .await
}

/// Makes the next signing key. It is published at once, signs after the tenant's propagation time, and the key that signs now
/// stays published until the last token that it may have signed has expired.
///
/// # Errors
/// [`SigningKeyError`]; [`SigningKeyError::UnderWay`] until the key of the rotation before signs.
pub async fn rotate_signing_key(cx: &Cx) -> Result<SigningKey, SigningKeyError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RotateSigningKey, &TenantWide)?;
        let (tenant, last) = tenant_and_last_key(cx, tx).await?;
        if last.signs_from > cx.now() {
            return Err(SigningKeyError::UnderWay(last.signs_from));
        }
        let (key, successor) = rotate(cx, tx, &tenant, &last).await?;
        let event = Event::SigningKeyRotated {
            key,
            successor: successor.clone(),
        };
        Ok(Recorded::new(permit, successor, event))
    })
    .await
}

/// The same for the schedule: only if its time has come, else that time is noted. Gives the new key, if there is one.
///
/// # Errors
/// [`SigningKeyError`].
pub(crate) async fn rotate_when_due(
    cx: &Cx,
    job: JobFence,
) -> Result<Option<SigningKey>, SigningKeyError> {
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::RotateSigningKey, &TenantWide)?;
        let (tenant, last) = tenant_and_last_key(cx, tx).await?;
        tx.complete_job(job, cx.now()).await?;
        let due_at = rotation_due_at(&tenant, &last);
        if due_at.is_none_or(|due_at| due_at > cx.now()) {
            tx.plan_rotation(due_at).await?;
            return Ok(Recorded::unchanged(permit, None));
        }
        let (key, successor) = rotate(cx, tx, &tenant, &last).await?;
        let event = Event::SigningKeyRotated {
            key,
            successor: successor.clone(),
        };
        Ok(Recorded::new(permit, Some(successor), event))
    })
    .await
}

/// Revokes a signing key at once: it leaves the key set, its tokens are refused, its private key is destroyed. Where it
/// signed, its successor does so at once, or else a new key, which verifiers must fetch for the first token that they see.
/// Gives the key that signs.
///
/// # Errors
/// [`SigningKeyError`].
pub async fn revoke_signing_key(cx: &Cx, id: SigningKeyId) -> Result<SigningKey, SigningKeyError> {
    let mut outcome = Err(SigningKeyError::Changed);
    for _ in 0..REVOCATION_ATTEMPTS {
        outcome = try_to_revoke(cx, id).await;
        if !matches!(outcome, Err(SigningKeyError::Changed)) {
            break;
        }
    }
    outcome
}

async fn try_to_revoke(cx: &Cx, id: SigningKeyId) -> Result<SigningKey, SigningKeyError> {
    cx.write(async move |cx, tx| {
        let found = tx.find_signing_key(id).await?;
        let found = found.ok_or(SigningKeyError::NotFound)?;
        let permit = cx.permit(Action::RevokeSigningKey, &found)?;
        if !found.is_published(cx.now()) {
            return Err(SigningKeyError::NotFound);
        }
        let tenant = tx.find_tenant().await?.ok_or(SigningKeyError::NotFound)?;
        let key = change(tx, revoked(&found, cx.now())).await?;
        tx.delete_route(&Route::SigningKey(id)).await?;
        let (signing, made) = replace(cx, tx, &tenant, &found).await?;
        let made = made.map(|key| Event::SigningKeyCreated { key });
        let mut events: Vec<Event> = made.into_iter().collect();
        events.push(Event::SigningKeyRevoked {
            tenant_id: cx.tenant_id(),
            key,
            signing: signing.id,
        });
        Ok(Recorded::all(permit, signing, events))
    })
    .await
}

/// Destroys a signing key whose last token has expired, and takes its route away. Gives whether there was anything to do: a
/// key that was revoked, or that signs again since its successor was, is passed over.
///
/// # Errors
/// [`SigningKeyError`].
pub(crate) async fn retire_signing_key(
    cx: &Cx,
    id: SigningKeyId,
    job: JobFence,
) -> Result<bool, SigningKeyError> {
    let retired = cx
        .write(async move |cx, tx| {
            let permit = cx.permit(Action::RetireSigningKey, &TenantWide)?;
            tx.complete_job(job, cx.now()).await?;
            let found = tx.find_signing_key(id).await?;
            let Some(found) = found.filter(|key| is_over(key, cx.now())) else {
                return Ok(Recorded::unchanged(permit, false));
            };
            let destroyed = SigningKey {
                sealed_private_key: None,
                ..found
            };
            let key = change(tx, destroyed).await?;
            tx.delete_route(&Route::SigningKey(id)).await?;
            let event = Event::SigningKeyRetired { key };
            Ok::<_, SigningKeyError>(Recorded::new(permit, true, event))
        })
        .await?;
    Ok(retired)
}

/// When a key is to get a successor by the tenant's settings.
pub(crate) fn rotation_due_at(tenant: &Tenant, last: &SigningKey) -> Option<Timestamp> {
    let days = tenant.settings.signing_key_rotation_days;
    (days > 0).then(|| last.signs_from.plus_seconds(days.saturating_mul(86_400)))
}

async fn tenant_and_last_key(
    cx: &Cx,
    tx: &mut TenantTx<'_>,
) -> Result<(Tenant, SigningKey), SigningKeyError> {
    let tenant = tx.find_tenant().await?.ok_or(SigningKeyError::NotFound)?;
    let keys = tx.list_published_signing_keys(cx.now()).await?;
    let last = SigningKeysAt::new(&keys, cx.now()).last().cloned();
    Ok((tenant, last.ok_or(KeyringError::Missing)?))
}

/// Gives `last` a successor and an end; gives both.
async fn rotate(
    cx: &Cx,
    tx: &mut TenantTx<'_>,
    tenant: &Tenant,
    last: &SigningKey,
) -> Result<(SigningKey, SigningKey), SigningKeyError> {
    let propagation = tenant.settings.signing_key_propagation_seconds;
    // Read after the settings: whoever shortens them at this moment is seen in either.
    let kept_until = tx.find_key_set_keeping().await?;
    let everybody_knows = cx.now().plus_seconds(propagation);
    let successor = SigningKey {
        signs_from: kept_until.map_or(everybody_knows, |until| everybody_knows.max(until)),
        ..mint(cx, tx, tenant, last).await?
    };
    let ttl = tenant.settings.access_token_ttl_seconds;
    let end = last.end_of_publication(successor.signs_from, ttl);
    let closed = SigningKey {
        published_until: Some(end),
        ..last.clone()
    };
    let closed = change(tx, closed).await?;
    insert(tx, &successor).await?;
    let retire = JobKind::RetireSigningKey { id: last.id };
    let job = NewJob {
        run_at: end,
        ..NewJob::new(cx.platform().mint(cx.now()), retire, cx.now())
    };
    tx.enqueue_job(&job).await?;
    tx.plan_rotation(rotation_due_at(tenant, &successor))
        .await?;
    Ok((closed, successor))
}

/// Lets another key sign in the place of `gone`, where that is needed; gives the one that signs, and whether it was made now.
async fn replace(
    cx: &Cx,
    tx: &mut TenantTx<'_>,
    tenant: &Tenant,
    gone: &SigningKey,
) -> Result<(SigningKey, Option<SigningKey>), SigningKeyError> {
    // As they were before: who signs next hangs on what the revoked key was.
    let mut keys = tx.list_published_signing_keys(cx.now()).await?;
    keys.push(gone.clone());
    let keys_before = SigningKeysAt::new(&keys, cx.now());
    let signing = match keys_before.succession(gone) {
        Succession::Unchanged => {
            let signing = keys_before.signing().cloned();
            return Ok((signing.ok_or(KeyringError::Missing)?, None));
        }
        Succession::Promoted(heir) => {
            let promoted = SigningKey {
                signs_from: cx.now(),
                ..heir.clone()
            };
            change(tx, promoted).await?
        }
        Succession::Reopened(heir) => change(tx, heir.reopened(cx.now())).await?,
        Succession::New => {
            let new = mint(cx, tx, tenant, gone).await?;
            insert(tx, &new).await?;
            tx.plan_rotation(rotation_due_at(tenant, &new)).await?;
            return Ok((new.clone(), Some(new)));
        }
    };
    tx.plan_rotation(rotation_due_at(tenant, &signing)).await?;
    Ok((signing, None))
}

/// Makes a key as the tenant's settings say, sealed under the tenant's key that `like` was sealed under. It takes a tenth of a
/// millisecond, once in months, so it is done in the transaction.
async fn mint(
    cx: &Cx,
    tx: &mut TenantTx<'_>,
    tenant: &Tenant,
    like: &SigningKey,
) -> Result<SigningKey, SigningKeyError> {
    let id = sealing_key_of(like)?.ok_or(KeyringError::Missing)?;
    let sealed = tx.find_tenant_key(id).await?.ok_or(KeyringError::Missing)?;
    let platform = cx.platform();
    let keyring = platform
        .root_key()
        .open_tenant_key(cx.tenant_id(), &sealed)?;
    Ok(keyring.mint_signing_key(&tenant.settings, cx.now(), platform.random())?)
}

/// Writes a key that was read in this transaction or before it.
async fn change(tx: &mut TenantTx<'_>, key: SigningKey) -> Result<SigningKey, SigningKeyError> {
    let changed = tx.change_signing_key(&key).await?;
    changed.ok_or(SigningKeyError::Changed)
}

async fn insert(tx: &mut TenantTx<'_>, key: &SigningKey) -> Result<(), SigningKeyError> {
    tx.insert_signing_key(key).await?;
    match tx.insert_route(&Route::SigningKey(key.id)).await? {
        true => Ok(()),
        false => Err(SigningKeyError::Changed),
    }
}

fn revoked(key: &SigningKey, now: Timestamp) -> SigningKey {
    SigningKey {
        revoked_at: Some(now),
        sealed_private_key: None,
        ..key.clone()
    }
}

/// Whether it has run its course and its private key is still there.
fn is_over(key: &SigningKey, now: Timestamp) -> bool {
    let ended = key.published_until.is_some_and(|end| end <= now);
    ended && key.revoked_at.is_none() && key.sealed_private_key.is_some()
}
