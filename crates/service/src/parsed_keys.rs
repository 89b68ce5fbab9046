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
    /// One a tenant, the one that signed last.
    signers: Mutex<HashMap<TenantId, Arc<TokenSigner>>>,
    verifiers: Mutex<HashMap<SigningKeyId, (TenantId, Arc<TokenVerifier>)>>,
    kept_max: usize,
}

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
    pub(crate) fn signer(&self, tenant_id: TenantId) -> Option<Arc<TokenSigner>> {
        lock(&self.signers).get(&tenant_id).cloned()
    }

    /// Keeps an opened signer, in the place of the tenant's last one.
    pub(crate) fn keep_signer(&self, tenant_id: TenantId, signer: Arc<TokenSigner>) {
        let mut signers = lock(&self.signers);
        make_room(&mut signers, self.kept_max, &tenant_id);
        signers.insert(tenant_id, signer);
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

    /// Forgets a tenant's keys: one was revoked or retired, or the tenant is gone.
    pub(crate) fn forget(&self, tenant_id: TenantId) {
        lock(&self.signers).remove(&tenant_id);
        lock(&self.verifiers).retain(|_, (owner, _)| *owner != tenant_id);
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
        assert!(keys.signer(tenant(1)).is_none());
        for number in [1, 2] {
            keys.keep_signer(tenant(1), signer(number));
            assert_eq!(keys.signer(tenant(1)).unwrap().id(), signer(number).id());
        }
        assert!(keys.signer(tenant(2)).is_none());
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
        keys.keep_signer(tenant(1), signer.clone());
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
            keys.keep_signer(tenant(number.into()), signer);
            assert!(
                keys.signer(tenant(number.into())).is_some(),
                "the newest stays"
            );
        }
        assert_eq!(keys.signers.lock().unwrap().len(), 3);
        assert_eq!(keys.verifiers.lock().unwrap().len(), 3);
    }
}
