//! Digests by a key of ours, of what is too easily guessed for SHA-256 alone: requests that may hold a password, and what
//! attempts at credentials are counted by.

use crate::subkey::{Label, subkey};
use aws_lc_rs::hmac;
use keyward_model::{Digest, RootKeySecret, TenantId};
use std::fmt;

const REQUEST_LABEL: Label = Label(b"keyward request digest v1\x01");
const ATTEMPT_LABEL: Label = Label(b"keyward attempt digest v1\x01");

/// What digests of requests are made with. A password is too easily guessed for SHA-256 alone; so nobody who has the
/// database, or a backup without the root key, can try one against what is kept.
pub struct RequestDigestKey(hmac::Key);

impl RequestDigestKey {
    /// The root key's.
    pub fn of(root_key: &RootKeySecret) -> Self {
        Self(subkey(root_key, &REQUEST_LABEL))
    }

    /// HMAC-SHA-256 (RFC 2104) of a tenant and of what is asked for in it, each part behind its length.
    pub fn digest(&self, tenant_id: TenantId, parts: &[&[u8]]) -> Digest {
        tenant_digest(&self.0, tenant_id, parts)
    }
}

/// What attempts at credentials are counted by: who has the database learns no address and no network from the counts.
pub struct AttemptDigestKey(hmac::Key);

impl AttemptDigestKey {
    /// The root key's.
    pub fn of(root_key: &RootKeySecret) -> Self {
        Self(subkey(root_key, &ATTEMPT_LABEL))
    }

    /// HMAC-SHA-256 (RFC 2104) of a tenant and of what is counted in it, each part behind its length.
    pub fn digest(&self, tenant_id: TenantId, parts: &[&[u8]]) -> Digest {
        tenant_digest(&self.0, tenant_id, parts)
    }
}

fn tenant_digest(key: &hmac::Key, tenant_id: TenantId, parts: &[&[u8]]) -> Digest {
    let mut context = hmac::Context::with_key(key);
    context.update(tenant_id.uuid().as_bytes());
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut digest = Digest([0; 32]);
    digest.0.copy_from_slice(context.sign().as_ref());
    digest
}

impl fmt::Debug for RequestDigestKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RequestDigestKey([redacted])")
    }
}

impl fmt::Debug for AttemptDigestKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AttemptDigestKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::{AttemptDigestKey, RequestDigestKey};
    use keyward_model::{Id, RootKeySecret, TenantId};
    use uuid::Uuid;

    fn key(byte: u8) -> RequestDigestKey {
        RequestDigestKey::of(&RootKeySecret::new(vec![byte; 32]))
    }

    fn tenant(byte: u8) -> TenantId {
        Id::from_uuid(Uuid::from_bytes([byte; 16]))
    }

    #[test]
    fn asvs_v11_4_2_a_digest_is_that_of_its_key_tenant_and_parts_alone() {
        let digest = key(7).digest(tenant(1), &[b"/path", b"body"]);
        assert_eq!(digest, key(7).digest(tenant(1), &[b"/path", b"body"]));
        for other in [
            key(8).digest(tenant(1), &[b"/path", b"body"]),
            key(7).digest(tenant(2), &[b"/path", b"body"]),
            key(7).digest(tenant(1), &[b"/path", b"bodY"]),
            key(7).digest(tenant(1), &[b"/pathb", b"ody"]),
            key(7).digest(tenant(1), &[b"/pathbody"]),
        ] {
            assert_ne!(digest, other);
        }
    }

    #[test]
    fn asvs_v11_2_1_a_key_has_one_use() {
        let attempts = AttemptDigestKey::of(&RootKeySecret::new(vec![7; 32]));
        let digest = attempts.digest(tenant(1), &[b"/path", b"body"]);
        assert_ne!(digest, key(7).digest(tenant(1), &[b"/path", b"body"]));
    }

    #[test]
    fn the_form_never_changes() {
        // Computed with Python's hmac: expanded once, then the HMAC of tenant, lengths and parts.
        let digest = key(7).digest(tenant(1), &[b"/path", b"body"]);
        let hex = digest.hex();
        assert_eq!(
            hex,
            "2d27d4235df8358e5fbe69d1b473030e75f42f5b8aaf2e611894dd8b25fbbeb2"
        );
    }
}
