//! Sessions that were seen. What is known of one in memory has the moment at once; the store gets it a little later, together
//! with others, so that no request waits for a commit only because it came.
//!
//! A crash loses what was seen in the last [`PAUSE`]: such a session idles out a minute or so sooner.

use crate::platform::Platform;
use keyward_model::{Session, SessionId, TenantId, Timestamp};
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

/// After how long without a sign of it a session is noted to have been seen.
fn stale_after(idle: Duration) -> Duration {
    STALE_AFTER.min(idle / PART_OF_IDLE)
}

/// Whether it was not noted lately that a session was seen. Until then a change in its name need not note it either.
pub(crate) fn is_stale(session: &Session, now: Timestamp) -> bool {
    let idle = Duration::from_secs(u64::try_from(session.idle_seconds).unwrap_or_default());
    now.since(session.last_active_at) >= stale_after(idle)
}

/// Notes that a session was seen, if it was not lately. `is_remembered`: memory will know it at the next request, too.
pub(crate) async fn touch(
    platform: &Platform,
    scope: TenantScope,
    known: &KnownSession,
    (now, is_remembered): (Timestamp, bool),
) {
    let idle = Duration::from_secs(u64::try_from(known.idle_seconds).unwrap_or_default());
    let stale = now.since(known.last_active_at());
    if stale < stale_after(idle) {
        return;
    }
    // Shortly before it would have idled out, nobody is to rely on what may get lost.
    if !is_remembered || stale >= idle / 2 {
        return Box::pin(write_now(platform, scope, known, now)).await;
    }
    known.note_touched(now);
    let is_first = platform.touches().add(scope, known.session_id, now);
    if is_first {
        let platform = platform.clone();
        tokio::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            write_all(&platform).await;
        });
    }
}

async fn write_now(platform: &Platform, scope: TenantScope, known: &KnownSession, now: Timestamp) {
    let what = Housekeeping::TouchSessions(vec![(known.session_id, now)]);
    match platform.store().housekeeping(&scope, what).await {
        Ok(()) => known.note_touched(now),
        Err(error) => tracing::warn!(%error, "a session could not be touched"),
    }
}

/// Writes what waits. A failure is no reason to sign anybody out: their next touch may be written.
async fn write_all(platform: &Platform) {
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
