//! Sessions that were seen. What is known of one in memory has the moment at once; the store gets it a little later, together
//! with others, so that no request waits for a commit only because it came.
//!
//! A crash loses what was seen in the last [`PAUSE`]: such a session idles out sooner, by the minute for which it would not have
//! been touched anyway.

use crate::platform::Platform;
use keyward_model::{SessionId, TenantId, Timestamp};
use keyward_store::{Housekeeping, KnownSession, TenantScope};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How stale `last_active_at` may become before a request renews it: a write a minute, not one a request.
const STALE_AFTER: Duration = Duration::from_secs(60);
/// It is renewed after this part of the time that idles a session out, if that is sooner.
const PART_OF_IDLE: u32 = 4;
/// How long what was seen waits for more.
const PAUSE: Duration = Duration::from_millis(200);
/// How many sessions are written in one transaction, which holds their rows meanwhile.
const SESSIONS_AT_ONCE: usize = 200;

/// What was seen and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Touches {
    waiting: Mutex<HashMap<TenantId, Seen>>,
}

#[derive(Debug)]
struct Seen {
    scope: TenantScope,
    sessions: HashMap<SessionId, Timestamp>,
}

/// Notes that a session was seen, if it was not lately.
pub(crate) fn touch(platform: &Platform, scope: TenantScope, known: &KnownSession, now: Timestamp) {
    if now.since(known.last_active_at()) < stale_after(known) {
        return;
    }
    known.note_touched(now);
    let is_first = platform.touches().add(scope, known.session_id, now);
    if is_first {
        let platform = platform.clone();
        tokio::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            write(&platform).await;
        });
    }
}

fn stale_after(known: &KnownSession) -> Duration {
    let idle_seconds = u64::try_from(known.idle_seconds).unwrap_or_default();
    STALE_AFTER.min(Duration::from_secs(idle_seconds) / PART_OF_IDLE)
}

/// Writes what waits. A failure is no reason to sign anybody out: their next touch may be written.
async fn write(platform: &Platform) {
    for seen in platform.touches().take() {
        let mut sessions: Vec<(SessionId, Timestamp)> = seen.sessions.into_iter().collect();
        // In one order, so that no two transactions wait for each other's rows.
        sessions.sort_unstable();
        for sessions in sessions.chunks(SESSIONS_AT_ONCE) {
            let what = Housekeeping::TouchSessions(sessions.to_vec());
            let written = platform.store().housekeeping(&seen.scope, what).await;
            if let Err(error) = written {
                tracing::warn!(%error, sessions = sessions.len(), "sessions could not be touched");
            }
        }
    }
}

impl Touches {
    /// Whether nothing else waits, so that whoever adds has to see to its being written.
    fn add(&self, scope: TenantScope, session_id: SessionId, now: Timestamp) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.is_empty();
        let seen = waiting.entry(scope.tenant_id()).or_insert_with(|| Seen {
            scope,
            sessions: HashMap::new(),
        });
        seen.sessions.insert(session_id, now);
        is_first
    }

    fn take(&self) -> Vec<Seen> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_values().collect()
    }
}
