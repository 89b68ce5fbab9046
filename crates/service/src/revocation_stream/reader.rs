//! The one reader of a tenant's revocations in this process, for all who follow them.

use super::note_failure;
use super::places::Places;
use crate::platform::Platform;
use keyward_model::{Removal, Revocation, TenantId, Timestamp};
use keyward_store::{Error, FeedMark, RevocationFilter, RevocationPage, TenantScope, TenantTx};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// How often the feed is read when nothing is heard of.
const POLL: Duration = Duration::from_millis(500);
/// How many turns a follower may be behind: half a minute of quiet ones.
const TURNS_BEHIND_MAX: usize = 64;
/// How many revocations one turn has.
const TURN_REVOCATIONS_MAX: i64 = 500;

/// What the reader found at once.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) revocations: Vec<Revocation>,
    /// All that was visible then has been said.
    pub(super) mark: FeedMark,
    /// The moment before it was read.
    pub(super) as_of: Timestamp,
    /// The same by the clock that never steps.
    pub(super) read_at: Duration,
}

type Turns = broadcast::Sender<Arc<Turn>>;

/// The readers of this process, by tenant.
pub(crate) struct Readers {
    by_tenant: Arc<Mutex<HashMap<TenantId, Turns>>>,
    places: Places,
    bell: watch::Sender<()>,
    stop: watch::Sender<bool>,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            by_tenant: Arc::default(),
            places: Places::default(),
            bell: watch::Sender::new(()),
            stop: watch::Sender::new(false),
        }
    }
}

impl Readers {
    /// Wakes the readers if something may have been revoked, here or on another node. What only a user is read again for they
    /// find at their next turn: every sign-in is of that kind.
    pub(crate) fn wake_for(&self, removal: Option<Removal>) {
        match removal {
            Some(Removal::Session(_) | Removal::Token(_) | Removal::Tenant(_)) | None => {
                self.bell.send_replace(());
            }
            Some(Removal::User(_) | Removal::Client(_)) => {}
        }
    }

    /// Ends every stream, and lets none begin.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Hears what the tenant's reader finds from now on. If there is none yet it begins beyond `mark`, which was visible
    /// before. None when the server stops.
    pub(super) fn hear(
        &self,
        platform: &Platform,
        scope: TenantScope,
        mark: FeedMark,
    ) -> Option<broadcast::Receiver<Arc<Turn>>> {
        if *self.stop.borrow() {
            return None;
        }
        let mut readers = lock(&self.by_tenant);
        if let Some(turns) = readers.get(&scope.tenant_id()) {
            return Some(turns.subscribe());
        }
        let (turns, hearing) = broadcast::channel(TURNS_BEHIND_MAX);
        readers.insert(scope.tenant_id(), turns.clone());
        let reader = Reader {
            platform: platform.clone(),
            scope,
            mark,
            turns,
            by_tenant: self.by_tenant.clone(),
        };
        tokio::spawn(reader.run(self.bell.subscribe(), self.stop.subscribe()));
        Some(hearing)
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Readers")
    }
}

struct Reader {
    platform: Platform,
    scope: TenantScope,
    mark: FeedMark,
    turns: Turns,
    by_tenant: Arc<Mutex<HashMap<TenantId, Turns>>>,
}

impl Drop for Reader {
    /// Whatever ended it, the next follower begins another.
    fn drop(&mut self) {
        let mut readers = lock(&self.by_tenant);
        let tenant_id = self.scope.tenant_id();
        let is_own = |turns: &Turns| turns.same_channel(&self.turns);
        if readers.get(&tenant_id).is_some_and(is_own) {
            readers.remove(&tenant_id);
        }
    }
}

impl Reader {
    async fn run(mut self, mut bell: watch::Receiver<()>, mut stop: watch::Receiver<bool>) {
        loop {
            bell.mark_unchanged();
            match self.take_turn().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => note_failure(&error),
            }
            if self.is_alone() {
                return;
            }
            tokio::select! {
                _ = stop.wait_for(|stops| *stops) => return,
                // Who rings it lives as long as the platform, which this holds.
                _ = bell.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Whether nobody follows any more; then nobody will find this reader either.
    fn is_alone(&self) -> bool {
        let mut readers = lock(&self.by_tenant);
        let alone = self.turns.receiver_count() == 0;
        if alone {
            readers.remove(&self.scope.tenant_id());
        }
        alone
    }

    /// Says what was revoked since the last turn; false when the tenant is not served any more, which is said too.
    async fn take_turn(&mut self) -> Result<bool, Error> {
        let moment = (self.platform.monotonic(), self.platform.now());
        let filter = filter(self.mark.clone());
        let read = async move |tx: &mut TenantTx<'_>| {
            let found = tx.find_feed_mark().await?;
            let page = tx.list_revocations(&filter, TURN_REVOCATIONS_MAX).await?;
            Ok((found, page))
        };
        let store = self.platform.store();
        let (found, mut page) = store.read::<_, Error, _>(&self.scope, read).await?;
        let Some((status, reached)) = found else {
            return Ok(false);
        };
        while let Some(beyond) = page.next.take() {
            // From here nobody resumes: the rest is still to be said.
            self.say(page.revocations, self.mark.clone(), moment);
            page = self.read_page(beyond).await?;
        }
        self.say(page.revocations, reached.clone(), moment);
        self.mark = reached;
        Ok(status.serves_users())
    }

    async fn read_page(&self, beyond: FeedMark) -> Result<RevocationPage, Error> {
        let filter = filter(beyond);
        let read = async move |tx: &mut TenantTx<'_>| {
            tx.list_revocations(&filter, TURN_REVOCATIONS_MAX).await
        };
        self.platform.store().read(&self.scope, read).await
    }

    fn say(
        &self,
        revocations: Vec<Revocation>,
        mark: FeedMark,
        (read_at, as_of): (Duration, Timestamp),
    ) {
        let turn = Turn {
            revocations,
            mark,
            as_of,
            read_at,
        };
        // Whether anybody hears it is looked at after the turn.
        let _ = self.turns.send(Arc::new(turn));
    }
}

/// Whatever is new, however old its request was.
fn filter(beyond: FeedMark) -> RevocationFilter {
    let ever = Timestamp::from_micros(i64::MIN);
    RevocationFilter {
        beyond,
        since: ever,
        keys_since: ever,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
