//! One case for each method: it is called with the ids of tenant A, whoever calls it.

use super::loot::Loot;
use crate::support::hash;
use keyward_model::{AuditFilter, EndReason, Ended, PageRequest, Route};
use keyward_store::{Error, TenantScope, TenantTx};

/// Whether a method showed anything of tenant A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Something,
    Nothing,
    /// The method shows nothing to anybody, or only what is unique over the whole instance.
    NothingEver,
}

impl Seen {
    fn if_any(any: bool) -> Self {
        match any {
            true => Self::Something,
            false => Self::Nothing,
        }
    }
}

/// What a refused row tells. A key that A has is refused to A and free for B; a row that refers to A's is refused to B.
pub(super) fn meaning_of_conflict(method: &str, scope: &TenantScope, loot: &Loot) -> Seen {
    let as_a = scope.tenant_id() == loot.tenant.id;
    match method {
        "insert_tenant_key" | "insert_signing_key" | "insert_session" | "insert_refresh_token"
        | "record" | "insert_user" => Seen::if_any(as_a),
        other => panic!("{other} must not end in a conflict"),
    }
}

/// Runs a method with the ids of A in `loot`; `own` is what tenant B has.
pub(super) async fn run_case(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
    own: &Loot,
) -> Result<Seen, Error> {
    match method {
        name if name.contains("user") || name.contains("sign_in") || name.contains("pa") => {
            users(name, tx, loot).await
        }
        name if name.contains("session") || name.contains("refresh") => {
            sessions(name, tx, loot).await
        }
        name => tenant(name, tx, loot, own).await,
    }
}
