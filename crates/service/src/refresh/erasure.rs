//! Kept answers are erased when their time is over: a transaction in a while for all of a tenant's, however many there are.
//!
//! What a crash leaves behind goes with the tenant's next pruning. Nobody is given it meanwhile: its time is looked at, too.

use crate::cx::Cx;
use crate::platform::Platform;
use keyward_model::{REPEAT_SECONDS, TenantId};
use keyward_store::{Housekeeping, TenantScope};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a tenant's answers are kept in between: those of the beginning a little longer than they are good.
const PAUSE: Duration = Duration::from_secs(REPEAT_SECONDS.unsigned_abs() / 2);

/// The tenants with answers that are still to be erased, and how many rounds from now the last of them is over.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    waiting: Mutex<HashMap<TenantId, (TenantScope, u32)>>,
}

/// In how many rounds every answer that is given now is over.
const ROUNDS: u32 = 3;

/// Sees to it that the answer that was just kept is erased.
pub(super) fn erase_later(cx: &Cx) {
    let platform = cx.platform();
    if platform.erasures().add(cx.scope()) {
        let platform = platform.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                if !erase(&platform).await {
                    return;
                }
            }
        });
    }
}

/// One round; whether another is needed.
async fn erase(platform: &Platform) -> bool {
    let (scopes, more) = platform.erasures().next_round();
    for scope in scopes {
        let what = Housekeeping::EraseRefreshAnswers(platform.now());
        if let Err(error) = platform.store().housekeeping(&scope, what).await {
            tracing::warn!(%error, "answers that are over could not be erased");
        }
    }
    more
}

impl Erasures {
    /// Whether nobody sees to it yet.
    fn add(&self, scope: TenantScope) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.is_empty();
        waiting.insert(scope.tenant_id(), (scope, ROUNDS));
        is_first
    }

    fn next_round(&self) -> (Vec<TenantScope>, bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = waiting.values().map(|(scope, _)| *scope).collect();
        waiting.retain(|_, (_, rounds)| {
            *rounds -= 1;
            *rounds > 0
        });
        (scopes, !waiting.is_empty())
    }
}
