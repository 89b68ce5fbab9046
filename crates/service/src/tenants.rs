//! Tenants: made by operators, listed by them, and what each publishes of itself.

mod hosts;
mod lifecycle;

pub use hosts::{add_tenant_host, remove_tenant_host};
pub use lifecycle::{
    GRACE_DAYS, cancel_tenant_deletion, delete_tenant, resume_tenant, suspend_tenant,
};
pub(crate) use lifecycle::{purge, purge_key};

use crate::cx::{Cx, TenantWide};
use crate::instance_cx::InstanceCx;
use crate::keyring::KeyringError;
use crate::outcome::{Disclosed, Recorded};
use crate::passwords::{ChoiceError, Owner, hash_chosen};
use crate::registration::new_user;
use crate::signing_keys::rotation_due_at;
use keyward_crypto::public_jwk;
use keyward_model::{
    EmailAddress, Event, HostName, InvalidName, Issuer, Page, PageRequest, Password, PasswordHash,
    Role, Route, SealedTenantKey, SigningKey, Slug, Tenant, TenantSettings, TenantStatus, User,
};
use keyward_policy::{Action, Denied};
use keyward_store::TenantTx;
use std::sync::Arc;

/// What a new tenant needs.
#[derive(Debug)]
pub struct CreateTenant {
    /// Its short name.
    pub slug: Slug,
    /// The host names that are its own; the first becomes its issuer.
    pub hosts: Vec<HostName>,
    /// Its issuer, where neither the first host nor the base URL is right.
    pub issuer: Option<Issuer>,
    /// Its first administrator.
    pub administrator: Option<(EmailAddress, Arc<Password>)>,
}

/// Why no tenant was made or shown.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The slug, or the issuer, is another tenant's.
    #[error("a tenant with this slug or issuer exists already")]
    Taken,
    /// The host name is another tenant's.
    #[error("the host name {0} leads to another tenant")]
    HostTaken(HostName),
    /// No issuer can be made of the base URL.
    #[error(transparent)]
    Issuer(#[from] InvalidName),
    /// No such host name leads to the tenant.
    #[error("no such host name leads to the tenant")]
    NoSuchHost,
    /// In the status that the tenant is in this cannot be done.
    #[error("the tenant's status does not allow this")]
    WrongStatus(TenantStatus),
    /// Another request changed the tenant at the same moment.
    #[error("the tenant was changed meanwhile")]
    Changed,
    /// The tenant is gone.
    #[error("no such tenant")]
    NotFound,
    /// The administrator's password is weak, or could not be hashed.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The tenant's keys could not be made.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// A tenant that is about to be made, with all that was prepared outside of the transaction.
struct NewTenant {
    tenant: Tenant,
    routes: Vec<Route>,
    tenant_key: SealedTenantKey,
    signing_key: SigningKey,
    administrator: Option<(User, PasswordHash)>,
}

/// Makes the tenant of `cx`, with a key of its own, a signing key and, if given, its first administrator.
///
/// # Errors
/// [`TenantError`]; nothing of it stands then.
pub async fn create_tenant(cx: &Cx, command: CreateTenant) -> Result<Tenant, TenantError> {
    let new = prepare_tenant(cx, command).await?;
    cx.write(async move |cx, tx| {
        let permit = cx.permit(Action::CreateTenant, &TenantWide)?;
        let tenant = tx
            .insert_tenant(&new.tenant)
            .await?
            .ok_or(TenantError::Taken)?;
        insert_routes(tx, new.routes).await?;
        tx.insert_tenant_key(&new.tenant_key).await?;
        tx.insert_signing_key(&new.signing_key).await?;
        tx.plan_rotation(rotation_due_at(&tenant, &new.signing_key))
            .await?;
        let mut events = vec![
            Event::TenantCreated {
                tenant: tenant.clone(),
            },
            Event::SigningKeyCreated {
                key: new.signing_key,
            },
        ];
        if let Some((user, hash)) = new.administrator {
            let user = tx
                .insert_user(&user, Some(&hash))
                .await?
                .ok_or(TenantError::Taken)?;
            events.push(Event::UserCreated { user });
        }
        Ok(Recorded::all(permit, tenant, events))
    })
    .await
}

/// The tenants of the instance, oldest first.
///
/// # Errors
/// [`TenantError`].
pub async fn list_tenants(cx: &InstanceCx, page: PageRequest) -> Result<Page<Tenant>, TenantError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListTenants)?;
        Ok(Disclosed::new(permit, tx.list_tenants(page).await?))
    })
    .await
}

/// The tenant of `cx`, with the host names that are its own.
///
/// # Errors
/// [`TenantError`].
pub async fn read_tenant(cx: &Cx) -> Result<(Tenant, Vec<HostName>), TenantError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ReadTenant, &TenantWide)?;
        let tenant = tx.find_tenant().await?.ok_or(TenantError::NotFound)?;
        Ok(Disclosed::new(permit, (tenant, tx.list_hosts().await?)))
    })
    .await
}

/// What a tenant publishes: itself, and the keys that its tokens are verified with.
///
/// # Errors
/// [`TenantError`].
pub async fn read_issuer(cx: &Cx) -> Result<(Tenant, Vec<SigningKey>), TenantError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ReadIssuerMetadata, &TenantWide)?;
        let tenant = tx.find_tenant().await?.ok_or(TenantError::NotFound)?;
        Ok(Disclosed::new(
            permit,
            (tenant, tx.list_published_signing_keys(cx.now()).await?),
        ))
    })
    .await
}

/// Signing keys as JWKs (RFC 7517), without what is private.
///
/// # Errors
/// [`TenantError::Keyring`] when one is not of its algorithm's form.
pub fn public_keys(keys: &[SigningKey]) -> Result<Vec<serde_json::Value>, TenantError> {
    let jwks = keys.iter().map(public_jwk);
    Ok(jwks.collect::<Result<_, _>>().map_err(KeyringError::from)?)
}

async fn prepare_tenant(cx: &Cx, command: CreateTenant) -> Result<NewTenant, TenantError> {
    let (platform, now) = (cx.platform(), cx.now());
    let CreateTenant {
        slug,
        hosts,
        issuer,
        administrator,
    } = command;
    let issuer = match (issuer, hosts.first()) {
        (Some(issuer), _) => issuer,
        (None, Some(host)) => Issuer::on_own_host(host),
        (None, None) => Issuer::on_shared_host(&platform.settings().base_url, &slug)?,
    };
    let settings = TenantSettings::default();
    let (tenant_key, keyring) =
        platform
            .root_key()
            .mint_tenant_key(cx.tenant_id(), now, platform.random())?;
    let signing_key = keyring.mint_signing_key(&settings, now, platform.random())?;
    let administrator = match administrator {
        Some((email, password)) => {
            let owner = Owner {
                email: &email,
                name: None,
            };
            let hash = hash_chosen(platform, password, owner).await?;
            Some((new_user(cx, email, None, Role::Administrator), hash))
        }
        None => None,
    };
    let mut routes = vec![Route::Slug(slug.clone()), Route::SigningKey(signing_key.id)];
    routes.extend(hosts.into_iter().map(Route::Host));
    let tenant = Tenant {
        id: cx.tenant_id(),
        slug,
        issuer,
        status: TenantStatus::Active,
        settings,
        created_at: now,
        delete_after: None,
        version: 1,
    };
    Ok(NewTenant {
        tenant,
        routes,
        tenant_key,
        signing_key,
        administrator,
    })
}

async fn insert_routes(tx: &mut TenantTx<'_>, routes: Vec<Route>) -> Result<(), TenantError> {
    for route in routes {
        let made = tx.insert_route(&route).await?;
        match route {
            Route::Host(host) if !made => return Err(TenantError::HostTaken(host)),
            _ if !made => return Err(TenantError::Taken),
            _ => {}
        }
    }
    Ok(())
}
