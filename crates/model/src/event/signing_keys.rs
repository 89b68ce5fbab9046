//! What is said of signing keys.

use super::{Description, Removal, Target};
use crate::{SigningKey, SigningKeyId, TenantId};
use serde_json::json;

pub(super) fn created(key: &SigningKey) -> Description {
    describe("signing_key.created", key)
}

pub(super) fn rotated(key: &SigningKey, successor: SigningKeyId) -> Description {
    describe("signing_key.rotated", key).detail("successor_id", json!(successor))
}

/// What was verified with the key counts no more. Memory knows no token by its key: the whole tenant is read again.
pub(super) fn revoked(tenant_id: TenantId, key: &SigningKey, signing: SigningKeyId) -> Description {
    let description = describe("signing_key.revoked", key);
    Description {
        removal: Some(Removal::Tenant(tenant_id)),
        ..description.detail("signing_key_id", json!(signing))
    }
}

pub(super) fn retired(key: &SigningKey) -> Description {
    describe("signing_key.retired", key)
}

fn describe(kind: &'static str, key: &SigningKey) -> Description {
    let target = Target::one("signing_key", key.id);
    Description::success(kind, target)
        .version(key.version)
        .after(json!({
            "algorithm": key.algorithm,
            "signs_from": key.signs_from,
            "published_until": key.published_until,
            "revoked_at": key.revoked_at,
        }))
}
