//! Signing with a tenant's key: which key it is, opened once and kept.

use crate::keyring::{KeyringError, sealing_key_of};
use crate::platform::Platform;
use keyward_crypto::TokenSigner;
use keyward_model::{
    SealedTenantKey, SigningKey, SigningKeyId, SigningKeysAt, TenantId, Timestamp,
};
use keyward_store::{Error, TenantTx};
use std::sync::Arc;

/// The key that signs, and what opens it unless that was done before.
#[derive(Debug)]
pub(crate) struct KeyAtHand {
    pub(crate) key: SigningKey,
    tenant_key: Option<SealedTenantKey>,
}

/// Reads the key that signs at `now`, and the tenant's key for it, unless that of `kept` is at hand already.
pub(crate) async fn find_signing_key(
    tx: &mut TenantTx<'_>,
    now: Timestamp,
    kept: Option<SigningKeyId>,
) -> Result<Option<KeyAtHand>, Error> {
    let keys = tx.list_published_signing_keys(now).await?;
    let Some(key) = SigningKeysAt::new(&keys, now).signing().cloned() else {
        return Ok(None);
    };
    KeyAtHand::of(tx, key, kept).await.map(Some)
}

impl KeyAtHand {
    /// The key, with the tenant's key for it unless it is `kept`.
    pub(crate) async fn of(
        tx: &mut TenantTx<'_>,
        key: SigningKey,
        kept: Option<SigningKeyId>,
    ) -> Result<Self, Error> {
        let tenant_key = match sealing_key_of(&key)? {
            Some(id) if kept != Some(key.id) => tx.find_tenant_key(id).await?,
            _ => None,
        };
        Ok(Self { key, tenant_key })
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

/// The signer of a key: the one that is kept, or else opened and kept from now on.
pub(crate) fn signer_of(
    platform: &Platform,
    tenant_id: TenantId,
    at_hand: &KeyAtHand,
) -> Result<Arc<TokenSigner>, KeyringError> {
    let kept = platform.parsed_keys().signer(tenant_id);
    if let Some(signer) = kept.filter(|signer| signer.id() == at_hand.key.id) {
        return Ok(signer);
    }
    let sealed = at_hand.tenant_key.as_ref().ok_or(KeyringError::Missing)?;
    let keyring = platform.root_key().open_tenant_key(tenant_id, sealed)?;
    let signer = Arc::new(keyring.open_signer(&at_hand.key)?);
    platform
        .parsed_keys()
        .keep_signer(tenant_id, signer.clone());
    Ok(signer)
}
