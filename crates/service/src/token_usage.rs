//! How often what happened to tokens. It is counted in memory and written together a little later, so that no request waits
//! for a commit only because it was counted.
//!
//! The figures are for people: a crash loses what was counted in the last [`PAUSE`].

use crate::cx::{Cx, TenantWide};
use crate::outcome::Disclosed;
use crate::platform::{Platform, WeakPlatform};
use keyward_model::{ClientId, Principal, TenantId, TokenKind, TokenUsage, TokenUse, UsageDay};
use keyward_policy::{Action, Denied};
use keyward_store::{Housekeeping, TenantScope};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long what was counted waits for more.
const PAUSE: Duration = Duration::from_secs(2);
/// How many rows are written in one transaction.
const ROWS_AT_ONCE: usize = 200;
/// How many days one question is about at most.
pub const DAYS_MAX: i64 = 31;

type Key = (UsageDay, TokenKind, Option<ClientId>);

/// What was counted and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct TokenCounts {
    waiting: Mutex<HashMap<TenantId, Counted>>,
}

#[derive(Debug)]
struct Counted {
    scope: TenantScope,
    /// In one order, so that no two transactions wait for each other's rows.
    usage: BTreeMap<Key, TokenUsage>,
}

/// Why the figures were not shown.
#[derive(Debug, thiserror::Error)]
pub enum TokenUsageError {
    /// The last day is before the first, or too far from it.
    #[error("1 to {DAYS_MAX} days")]
    Range,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// What was counted on the days from the first to the last, each included.
///
/// # Errors
/// [`TokenUsageError`].
pub async fn read_token_usage(
    cx: &Cx,
    (first, last): (UsageDay, UsageDay),
) -> Result<Vec<TokenUsage>, TokenUsageError> {
    if !(0..DAYS_MAX).contains(&last.0.saturating_sub(first.0)) {
        return Err(TokenUsageError::Range);
    }
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ReadTokenUsage, &TenantWide)?;
        let usage = tx.list_token_usage((first, last)).await?;
        Ok(Disclosed::new(permit, usage))
    })
    .await
}

impl Cx {
    /// Counts what happens to an access token and the refresh token that goes with it.
    pub(crate) fn count_pair(&self, what: TokenUse) {
        for kind in [TokenKind::Access, TokenKind::Refresh] {
            self.count_token(kind, what);
        }
    }

    /// Counts what happens to a token in this request: of a client that asks, or of Keyward's own sign-in.
    pub(crate) fn count_token(&self, kind: TokenKind, what: TokenUse) {
        let client = match self.principal() {
            Principal::OAuthClient { client_id, .. } => Some(*client_id),
            _ => None,
        };
        let key = (UsageDay::of(self.now()), kind, client);
        let platform = self.platform();
        if platform.token_counts().add(self.scope(), key, what) {
            tokio::spawn(write_later(platform.downgrade()));
        }
    }
}

/// Writes what waits, a little later and until it is written. A server that ends writes it itself.
async fn write_later(platform: WeakPlatform) {
    loop {
        tokio::time::sleep(PAUSE).await;
        match platform.upgrade() {
            Some(platform) if !platform.write_token_counts().await => {}
            _ => return,
        }
    }
}

impl Platform {
    /// Writes what was counted of tokens; false when something of it could not be written and waits again. Called by itself
    /// a little later; before the end by whoever ends.
    pub async fn write_token_counts(&self) -> bool {
        let mut all_written = true;
        for counted in self.token_counts().take() {
            let usage: Vec<TokenUsage> = counted.usage.into_values().collect();
            for rows in usage.chunks(ROWS_AT_ONCE) {
                let what = Housekeeping::CountTokens(rows.to_vec());
                let Err(error) = self.store().housekeeping(&counted.scope, what).await else {
                    continue;
                };
                tracing::warn!(%error, rows = rows.len(), "token figures could not be written");
                if may_try_again(&error) {
                    all_written = false;
                    self.token_counts().put_back(counted.scope, rows);
                }
            }
        }
        all_written
    }
}

/// Whether nothing of it stands for sure: figures are rather a little low than counted twice.
fn may_try_again(error: &keyward_store::Error) -> bool {
    use keyward_store::Error;
    matches!(error, Error::Unavailable(_) | Error::Retry(_))
}

impl TokenCounts {
    /// Counts one; whether nothing else waits, so that whoever adds has to see to its being written.
    fn add(&self, scope: TenantScope, key: Key, what: TokenUse) -> bool {
        let mut waiting = self.lock();
        let is_first = waiting.is_empty();
        let of_tenant = waiting.entry(scope.tenant_id()).or_insert_with(|| Counted {
            scope,
            usage: BTreeMap::new(),
        });
        let (day, kind, client) = key;
        let usage = of_tenant.usage.entry(key);
        usage
            .or_insert_with(|| TokenUsage::nothing(day, kind, client))
            .count(what);
        is_first
    }

    fn take(&self) -> Vec<Counted> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn put_back(&self, scope: TenantScope, rows: &[TokenUsage]) {
        let mut waiting = self.lock();
        let of_tenant = waiting.entry(scope.tenant_id()).or_insert_with(|| Counted {
            scope,
            usage: BTreeMap::new(),
        });
        for row in rows {
            let key = (row.day, row.kind, row.client);
            let usage = of_tenant.usage.entry(key);
            let usage = usage.or_insert_with(|| TokenUsage::nothing(row.day, row.kind, row.client));
            usage.issued += row.issued;
            usage.refreshed += row.refreshed;
            usage.revoked += row.revoked;
            usage.introspected += row.introspected;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Counted>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
