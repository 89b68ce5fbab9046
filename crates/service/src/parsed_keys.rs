//! Keys that were opened and parsed, kept so that a sign-in need not open AES-GCM and a request need not parse a point.
//!
//! A parsed key says nothing of whether it may be used: its row does, and that is read each time. Its id never names another
//! key, so what is here is right for as long as it is here; what leaves, leaves so that no private key lies in memory longer
//! than it has to.

use keyward_crypto::{SigningError, TokenSigner, TokenVerifier};
use keyward_model::{SigningKey, SigningKeyId, TenantId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many tenants' signers and how many verifiers are kept: a few kilobytes each.
const KEPT_MAX: usize = 2_048;

/// The parsed keys of one node.
pub(crate) struct ParsedKeys {
    signers: Mutex<Signers>,
    verifiers: Mutex<HashMap<SigningKeyId, (TenantId, Arc<TokenVerifier>)>>,
    kept_max: usize,
}

#[derive(Default)]
struct Signers {
    /// One a tenant, the one that signed last.
    by_tenant: HashMap<TenantId, Arc<TokenSigner>>,
    /// Counts how often some tenant's were forgotten.
    forgotten: u64,
}

/// A tenant's signer as it was before its key was read anew.
pub(crate) struct KeptSigner {
    pub(crate) signer: Option<Arc<TokenSigner>>,
    pub(crate) before: Before,
}

/// Taken before a key is read that is to be kept: worth nothing once any tenant's keys were forgotten, for that key may have
/// been one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before(u64);

impl ParsedKeys {
    pub(crate) fn new() -> Self {
        Self::of(KEPT_MAX)
    }

    fn of(kept_max: usize) -> Self {
        Self {
            signers: Mutex::default(),
            verifiers: Mutex::default(),
            kept_max,
        }
    }

    /// The tenant's signer that was used last.
    pub(crate) fn signer(&self, tenant_id: TenantId) -> KeptSigner {
        let signers = lock(&self.signers);
        KeptSigner {
            signer: signers.by_tenant.get(&tenant_id).cloned(),
            before: Before(signers.forgotten),
        }
    }

    /// Keeps an opened signer, in the place of the tenant's last one; not if it may have been forgotten since it was read.
    pub(crate) fn keep_signer(
        &self,
        tenant_id: TenantId,
        signer: Arc<TokenSigner>,
        before: Before,
    ) {
        let mut signers = lock(&self.signers);
        if signers.forgotten != before.0 {
            return;
        }
        make_room(&mut signers.by_tenant, self.kept_max, &tenant_id);
        signers.by_tenant.insert(tenant_id, signer);
    }

    /// What verifies the tokens of a key, parsed once.
    ///
    /// # Errors
    /// [`SigningError::BadPublicKey`].
    pub(crate) fn verifier(
        &self,
        tenant_id: TenantId,
        key: &SigningKey,
    ) -> Result<Arc<TokenVerifier>, SigningError> {
        if let Some((_, verifier)) = lock(&self.verifiers).get(&key.id) {
            return Ok(verifier.clone());
        }
        let verifier = Arc::new(TokenVerifier::new(key.algorithm, &key.public_key)?);
        let mut verifiers = lock(&self.verifiers);
        make_room(&mut verifiers, self.kept_max, &key.id);
        verifiers.insert(key.id, (tenant_id, verifier.clone()));
        Ok(verifier)
    }

    /// Forgets a tenant's keys: one was revoked or retired, or the tenant is gone. Memory calls it, on every node.
    pub(crate) fn forget(&self, tenant_id: TenantId) {
        let mut signers = lock(&self.signers);
        signers.by_tenant.remove(&tenant_id);
        signers.forgotten += 1;
        drop(signers);
        lock(&self.verifiers).retain(|_, (owner, _)| *owner != tenant_id);
    }

    /// Forgets all keys: this node has missed what others forgot meanwhile.
    pub(crate) fn forget_all(&self) {
        let mut signers = lock(&self.signers);
        signers.by_tenant.clear();
        signers.forgotten += 1;
        drop(signers);
        lock(&self.verifiers).clear();
    }
}

impl fmt::Debug for ParsedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ParsedKeys").finish_non_exhaustive()
    }
}

/// Pushes another one out, whichever, where a new one does not fit.
fn make_room<K: Copy + Eq + std::hash::Hash, V>(
    kept: &mut HashMap<K, V>,
    kept_max: usize,
    newcomer: &K,
) {
    if kept.len() < kept_max || kept.contains_key(newcomer) {
        return;
    }
    if let Some(other) = kept.keys().next().copied() {
        kept.remove(&other);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::ParsedKeys;
    use keyward_crypto::{TokenSigner, mint_private_key};
    use keyward_model::{Id, Random, SigningAlgorithm, SigningKey, TenantId, Timestamp};
    use std::sync::Arc;
    use uuid::Uuid;

    struct Filled(u8);

    impl Random for Filled {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn tenant(number: u128) -> TenantId {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn signer(number: u8) -> Arc<TokenSigner> {
        let algorithm = SigningAlgorithm::EdDsa;
        let secret = mint_private_key(algorithm, &Filled(number)).unwrap();
        let id = Id::from_uuid(Uuid::from_u128(number.into()));
        Arc::new(TokenSigner::from_secret(id, algorithm, &secret).unwrap())
    }

    fn kept(keys: &ParsedKeys, number: u128) -> Option<Arc<TokenSigner>> {
        keys.signer(tenant(number)).signer
    }

    fn keep(keys: &ParsedKeys, number: u128, signer: Arc<TokenSigner>) {
        let before = keys.signer(tenant(number)).before;
        keys.keep_signer(tenant(number), signer, before);
    }

    fn key_of(signer: &TokenSigner) -> SigningKey {
        SigningKey {
            id: signer.id(),
            algorithm: SigningAlgorithm::EdDsa,
            public_key: signer.public_key(),
            sealed_private_key: None,
            created_at: Timestamp::from_micros(0),
            signs_from: Timestamp::from_micros(0),
            token_ttl_seconds: 300,
            published_until: None,
            revoked_at: None,
            version: 1,
        }
    }

    #[test]
    fn a_tenant_has_the_signer_that_it_used_last() {
        let keys = ParsedKeys::new();
        assert!(kept(&keys, 1).is_none());
        for number in [1, 2] {
            keep(&keys, 1, signer(number));
            assert_eq!(kept(&keys, 1).unwrap().id(), signer(number).id());
        }
        assert!(kept(&keys, 2).is_none());
    }

    #[test]
    fn a_key_that_was_read_before_it_was_forgotten_is_not_kept() {
        let keys = ParsedKeys::new();
        let before = keys.signer(tenant(1)).before;
        // Revoked meanwhile.
        keys.forget(tenant(1));
        keys.keep_signer(tenant(1), signer(1), before);
        assert!(kept(&keys, 1).is_none());
        keep(&keys, 1, signer(2));
        assert!(kept(&keys, 1).is_some(), "what is read after it is");
    }

    #[test]
    fn a_public_key_is_parsed_once_until_it_is_forgotten() {
        let (keys, key) = (ParsedKeys::new(), key_of(&signer(1)));
        let first = keys.verifier(tenant(1), &key).unwrap();
        assert!(Arc::ptr_eq(
            &first,
            &keys.verifier(tenant(1), &key).unwrap()
        ));
        keys.forget(tenant(2));
        assert!(Arc::ptr_eq(
            &first,
            &keys.verifier(tenant(1), &key).unwrap()
        ));
        keys.forget(tenant(1));
        assert!(!Arc::ptr_eq(
            &first,
            &keys.verifier(tenant(1), &key).unwrap()
        ));
    }

    #[test]
    fn a_forgotten_tenants_private_key_is_dropped() {
        let (keys, signer) = (ParsedKeys::new(), signer(1));
        keep(&keys, 1, signer.clone());
        assert_eq!(Arc::strong_count(&signer), 2);
        keys.forget(tenant(1));
        assert_eq!(Arc::strong_count(&signer), 1);
    }

    #[test]
    fn it_is_bounded() {
        let keys = ParsedKeys::of(3);
        for number in 1..=9 {
            let signer = signer(number);
            keys.verifier(tenant(number.into()), &key_of(&signer))
                .unwrap();
            keep(&keys, number.into(), signer);
            assert!(kept(&keys, number.into()).is_some(), "the newest stays");
        }
        assert_eq!(keys.signers.lock().unwrap().by_tenant.len(), 3);
        assert_eq!(keys.verifiers.lock().unwrap().len(), 3);
    }
}
