//! Signing with a tenant's key: which key it is, opened once and kept.

use crate::keyring::{KeyringError, sealing_key_of};
use crate::parsed_keys::{Before, KeptSigner};
use crate::platform::Platform;
use keyward_crypto::TokenSigner;
use keyward_model::{SealedTenantKey, SigningKey, SigningKeysAt, TenantId, Timestamp};
use keyward_store::{Error, TenantTx};
use std::sync::Arc;

/// The key that signs, and what is needed to sign with it.
#[derive(Debug)]
pub(crate) struct KeyAtHand {
    pub(crate) key: SigningKey,
    signer: Signer,
}

/// A signer is held from the moment that it is found to be kept: around a rotation another request may keep another one.
#[derive(Debug)]
enum Signer {
    Opened(Arc<TokenSigner>),
    Sealed(SealedTenantKey, Before),
}

/// Reads the key that signs at `now`, and the tenant's key for it, unless `kept` is its signer.
pub(crate) async fn find_signing_key(
    tx: &mut TenantTx<'_>,
    now: Timestamp,
    kept: KeptSigner,
) -> Result<Option<KeyAtHand>, Error> {
    let keys = tx.list_published_signing_keys(now).await?;
    match SigningKeysAt::new(&keys, now).signing().cloned() {
        Some(key) => KeyAtHand::find(tx, key, kept).await,
        None => Ok(None),
    }
}

impl KeyAtHand {
    /// The key with what opens it; none if that is gone.
    pub(crate) async fn find(
        tx: &mut TenantTx<'_>,
        key: SigningKey,
        kept: KeptSigner,
    ) -> Result<Option<Self>, Error> {
        let KeptSigner { signer, before } = kept;
        if let Some(signer) = signer.filter(|signer| signer.id() == key.id) {
            let signer = Signer::Opened(signer);
            return Ok(Some(Self { key, signer }));
        }
        let Some(id) = sealing_key_of(&key)? else {
            return Ok(None);
        };
        let sealed = tx.find_tenant_key(id).await?;
        let signer = sealed.map(|sealed| Signer::Sealed(sealed, before));
        Ok(signer.map(|signer| Self { key, signer }))
    }

    /// Its signer: the one that was kept, or else opened and kept from now on.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub(crate) fn signer(
        &self,
        platform: &Platform,
        tenant_id: TenantId,
    ) -> Result<Arc<TokenSigner>, KeyringError> {
        let (sealed, before) = match &self.signer {
            Signer::Opened(signer) => return Ok(signer.clone()),
            Signer::Sealed(sealed, before) => (sealed, *before),
        };
        let keyring = platform.root_key().open_tenant_key(tenant_id, sealed)?;
        let signer = Arc::new(keyring.open_signer(&self.key)?);
        platform
            .parsed_keys()
            .keep_signer(tenant_id, signer.clone(), before);
        Ok(signer)
    }
}

/// The key that signs at `now`, inside of the transaction that a token comes from: whatever ends it later knows how long a
/// token of it may live. Where the tenant's tokens live longer than before, that is noted on the key.
pub(crate) async fn hold_signing_key(
    tx: &mut TenantTx<'_>,
    now: Timestamp,
    token_ttl_seconds: i64,
) -> Result<Option<SigningKey>, Error> {
    let keys = tx.list_published_signing_keys(now).await?;
    let Some(key) = SigningKeysAt::new(&keys, now).signing() else {
        return Ok(None);
    };
    if key.published_until.is_some() || key.token_ttl_seconds >= token_ttl_seconds {
        return Ok(Some(key.clone()));
    }
    let longer = SigningKey {
        token_ttl_seconds,
        ..key.clone()
    };
    if let Some(key) = tx.change_signing_key(&longer).await? {
        return Ok(Some(key));
    }
    // Another request noted it, or the key got its end meanwhile: then its tokens are cut there.
    let keys = tx.list_published_signing_keys(now).await?;
    Ok(SigningKeysAt::new(&keys, now).signing().cloned())
}
