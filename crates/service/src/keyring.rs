//! Keys in use: root key → tenant key → signing keys. Everything at rest below the root key is sealed.

use keyward_crypto::{
    AttemptDigestKey, Place, RequestDigestKey, SealError, SealingKey, SigningError, TokenSigner,
    mint_private_key, mint_tenant_key, open, seal, sealed_key_id,
};
use keyward_model::{
    Digest, Id, PrivateKeySecret, Random, RootKeySecret, SealedTenantKey, SigningKey, TenantId,
    TenantKeyId, TenantKeySecret, TenantSettings, Timestamp, mint_id,
};
use std::fmt;
use uuid::Uuid;

/// The key that tenants' keys are sealed under, and what else is derived from it.
pub struct RootKey {
    key: SealingKey,
    requests: RequestDigestKey,
    attempts: AttemptDigestKey,
}

/// One tenant's key, opened.
pub(crate) struct TenantKeyring {
    tenant_id: TenantId,
    key: SealingKey,
}

/// A key could not be opened, or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The sealed bytes, or the key for them, are not the right ones.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The signing key cannot be used.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The tenant has no key, or no signing key.
    #[error("the tenant has no key of this kind")]
    Missing,
}

impl RootKey {
    /// Prepares the root key.
    ///
    /// # Errors
    /// [`SealError`] when it is not of 32 bytes.
    pub fn new(secret: &RootKeySecret) -> Result<Self, SealError> {
        let requests = RequestDigestKey::of(secret);
        let attempts = AttemptDigestKey::of(secret);
        SealingKey::root(secret).map(|key| Self {
            key,
            requests,
            attempts,
        })
    }

    /// Names the key; it tells nothing of the key itself.
    pub fn id(&self) -> Uuid {
        self.key.key_id()
    }

    /// The digest of what is asked for in a tenant, which may hold a password.
    pub(crate) fn request_digest(&self, tenant_id: TenantId, parts: &[&[u8]]) -> Digest {
        self.requests.digest(tenant_id, parts)
    }

    /// The digest that attempts at credentials are counted by.
    pub(crate) fn attempt_digest(&self, tenant_id: TenantId, parts: &[&[u8]]) -> Digest {
        self.attempts.digest(tenant_id, parts)
    }

    pub(crate) fn mint_tenant_key(
        &self,
        tenant_id: TenantId,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(SealedTenantKey, TenantKeyring), KeyringError> {
        let secret = mint_tenant_key(random);
        let id = mint_id(now, random);
        let sealed = seal(
            &self.key,
            place_of_tenant_key(tenant_id, id.uuid()),
            secret.expose(),
            random,
        )?;
        let key = SealingKey::tenant(id, &secret)?;
        Ok((
            SealedTenantKey {
                id,
                sealed,
                created_at: now,
            },
            TenantKeyring { tenant_id, key },
        ))
    }

    pub(crate) fn open_tenant_key(
        &self,
        tenant_id: TenantId,
        sealed: &SealedTenantKey,
    ) -> Result<TenantKeyring, KeyringError> {
        let opened = open(
            &self.key,
            place_of_tenant_key(tenant_id, sealed.id.uuid()),
            &sealed.sealed,
        )?;
        let key = SealingKey::tenant(sealed.id, &TenantKeySecret::new(opened.to_vec()))?;
        Ok(TenantKeyring { tenant_id, key })
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RootKey({})", self.id())
    }
}

impl TenantKeyring {
    pub(crate) fn mint_signing_key(
        &self,
        settings: &TenantSettings,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<SigningKey, KeyringError> {
        let algorithm = settings.signing_algorithm;
        let secret = mint_private_key(algorithm, random)?;
        let id = mint_id(now, random);
        let public_key = TokenSigner::from_secret(id, algorithm, &secret)?.public_key();
        let sealed_private_key = seal(
            &self.key,
            self.place_of_signing_key(id.uuid()),
            secret.expose(),
            random,
        )?;
        Ok(SigningKey {
            id,
            algorithm,
            public_key,
            sealed_private_key: Some(sealed_private_key),
            created_at: now,
            signs_from: now,
            token_ttl_seconds: settings.access_token_ttl_seconds,
            published_until: None,
            revoked_at: None,
            version: 1,
        })
    }

    pub(crate) fn open_signer(&self, key: &SigningKey) -> Result<TokenSigner, KeyringError> {
        let sealed = key.sealed_private_key.as_ref();
        let opened = open(
            &self.key,
            self.place_of_signing_key(key.id.uuid()),
            sealed.ok_or(KeyringError::Missing)?,
        )?;
        Ok(TokenSigner::from_secret(
            key.id,
            key.algorithm,
            &PrivateKeySecret::new(opened.to_vec()),
        )?)
    }

    fn place_of_signing_key(&self, row: Uuid) -> Place<'static> {
        Place {
            tenant_id: self.tenant_id,
            table: "signing_keys",
            column: "sealed_private_key",
            row,
        }
    }
}

/// The tenant key that a signing key was sealed under; its sealed bytes carry the id. None once they were destroyed.
pub(crate) fn sealing_key_of(
    key: &SigningKey,
) -> Result<Option<TenantKeyId>, keyward_store::Error> {
    let id = key.sealed_private_key.as_ref().map(sealed_key_id);
    id.transpose()
        .map(|id| id.map(Id::from_uuid))
        .map_err(|error| keyward_store::Error::Unfit(format!("signing key {}: {error}", key.id)))
}

fn place_of_tenant_key(tenant_id: TenantId, row: Uuid) -> Place<'static> {
    Place {
        tenant_id,
        table: "tenant_keys",
        column: "sealed",
        row,
    }
}
