//! Waiting until every node has forgotten what a commit ended. The proof is in `node.rs`.

use super::connect::{CHANNEL, words};
use super::silence::{Silence, take_out};
use super::snapshot::Snapshot;
use crate::error::Error;
use crate::node_lease::{Moment, OUTWAIT};
use deadpool_postgres::{Object, Pool};
use keyward_model::{Counter, Histogram, NodeId, Stopwatch};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};
use tokio_postgres::Statement;
use uuid::Uuid;

/// How long the poller pauses before it looks again at rows that it has looked at.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(25);

/// Who waits in this process. One task looks for all of them, while there are any.
#[derive(Debug)]
pub(crate) struct Hearing {
    waiting: Arc<Waiting>,
    /// How long the answers waited.
    pub(crate) waits: Histogram,
    /// How many of them waited until a node that did not move could not answer from memory any more.
    pub(crate) outwaited: Counter,
}

#[derive(Debug)]
struct Waiting {
    pool: Pool,
    /// This process's own node: its memory is emptied before anybody waits.
    own: OnceLock<NodeId>,
    room: Mutex<Room>,
    /// Rung when somebody comes while the poller pauses.
    bell: Notify,
}

#[derive(Debug, Default)]
struct Room {
    waiters: Vec<Waiter>,
    is_polled: bool,
}

#[derive(Debug)]
struct Waiter {
    since: Since,
    done: oneshot::Sender<()>,
}

/// The poller's connection, for as long as it polls, and what it saw on it.
struct Looking {
    client: Object,
    look: Statement,
    silence: Silence,
}

/// What a waiter waits for.
#[derive(Debug)]
enum Since {
    /// The poller has not looked since it came.
    Unknown,
    /// The poller is looking.
    Asked,
    /// A snapshot that was taken after its commit: every node is to have heard all that is visible in it.
    Taken(Snapshot),
}

impl Hearing {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            waiting: Arc::new(Waiting {
                pool,
                own: OnceLock::new(),
                room: Mutex::default(),
                bell: Notify::new(),
            }),
            waits: Histogram::of_durations(),
            outwaited: Counter::new(),
        }
    }

    /// Says which row is this process's own.
    pub(crate) fn own(&self, id: NodeId) {
        let _ = self.waiting.own.set(id);
    }

    /// Waits until no node goes by what was before: each has heard all that was committed before the call, or had its lease run
    /// out. It comes to an end also when the database cannot be asked any more.
    pub(crate) async fn wait(&self) {
        let begun = Stopwatch::start();
        let (done, is_done) = oneshot::channel();
        if self.waiting.enter(done) {
            tokio::spawn(poll(self.waiting.clone()));
        }
        if !matches!(timeout(OUTWAIT, is_done).await, Ok(Ok(()))) {
            self.outwaited.increment();
            // Whatever kept the poller from answering, the time is over by now.
            sleep(OUTWAIT.saturating_sub(begun.elapsed())).await;
        }
        self.waits.observe(begun.elapsed());
    }
}

impl Waiting {
    /// Takes a waiter in; true if nobody polls yet.
    fn enter(&self, done: oneshot::Sender<()>) -> bool {
        let since = Since::Unknown;
        let mut room = self.room();
        room.waiters.push(Waiter { since, done });
        self.bell.notify_one();
        !std::mem::replace(&mut room.is_polled, true)
    }

    /// Marks those that came since the last look. None when nobody waits and nobody is suspected: then nobody polls either.
    fn begin_look(&self, looking: Option<&Looking>) -> Option<bool> {
        let suspects = looking.is_some_and(|looking| looking.silence.suspects(Moment::now()));
        let mut room = self.room();
        room.waiters.retain(|waiter| !waiter.done.is_closed());
        if room.waiters.is_empty() && !suspects {
            room.is_polled = false;
            return None;
        }
        let mut some_are_new = false;
        for waiter in &mut room.waiters {
            if matches!(waiter.since, Since::Unknown | Since::Asked) {
                waiter.since = Since::Asked;
                some_are_new = true;
            }
        }
        Some(some_are_new)
    }

    /// Lets those go whom every other node has heard.
    fn end_look(&self, now: &Snapshot, nodes: &[Option<Snapshot>]) {
        let mut room = self.room();
        let mut rest = Vec::with_capacity(room.waiters.len());
        for mut waiter in room.waiters.drain(..) {
            if matches!(waiter.since, Since::Asked) {
                waiter.since = Since::Taken(now.clone());
            }
            let Since::Taken(snapshot) = &waiter.since else {
                rest.push(waiter);
                continue;
            };
            let has_heard =
                |node: &Option<Snapshot>| node.as_ref().is_some_and(|node| node.covers(snapshot));
            match nodes.iter().all(has_heard) {
                // Whoever is not there any more has waited long enough.
                true => drop(waiter.done.send(())),
                false => rest.push(waiter),
            }
        }
        room.waiters = rest;
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again and again while somebody waits, and until whoever does not move is taken out.
async fn poll(waiting: Arc<Waiting>) {
    let mut pause = PAUSE;
    let mut looking = None;
    loop {
        let Some(some_are_new) = waiting.begin_look(looking.as_ref()) else {
            return;
        };
        if some_are_new {
            pause = PAUSE;
        }
        match look(&waiting, &mut looking, some_are_new).await {
            Ok((now, nodes)) => waiting.end_look(&now, &nodes),
            Err(error) => {
                tracing::debug!(%error, "the other nodes could not be looked at");
                if let Some(Looking { client, .. }) = looking.take() {
                    drop(Object::take(client));
                }
            }
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = waiting.bell.notified() => {}
        }
        pause = (pause * 3 / 2).min(PAUSE_MAX);
    }
}

/// A snapshot of this moment, and those of the other nodes; wakes them, if that is wanted.
async fn look(
    waiting: &Waiting,
    looking: &mut Option<Looking>,
    wake: bool,
) -> Result<(Snapshot, Vec<Option<Snapshot>>), Error> {
    let looking = match looking {
        Some(looking) => looking,
        None => looking.insert(Looking::begin(&waiting.pool).await?),
    };
    let own = waiting.own.get().map_or(Uuid::nil(), |id| id.uuid());
    let rows = looking.client.query(&looking.look, &[&own, &wake]).await;
    let (rows, seen_at) = (rows.map_err(refused)?, Moment::now());
    let mut now = None;
    let (mut beats, mut heard) = (Vec::new(), Vec::new());
    for row in &rows {
        let here: &str = row.try_get(0).map_err(refused)?;
        now = here.parse().ok();
        let id: Option<Uuid> = row.try_get(1).map_err(refused)?;
        let Some(id) = id else { continue };
        beats.push((id, row.try_get(2).map_err(refused)?));
        let text: &str = row.try_get(3).map_err(refused)?;
        heard.push(text.parse().ok());
    }
    for (id, beat) in looking.silence.observe(&beats, seen_at) {
        take_out(&looking.client, id, beat).await?;
    }
    let now = now.ok_or_else(|| Error::unavailable("there was no snapshot"))?;
    Ok((now, heard))
}

impl Looking {
    async fn begin(pool: &Pool) -> Result<Self, Error> {
        let client = pool.get().await.map_err(Error::unavailable)?;
        // NOTIFY takes a lock on the cluster's queue at commit. In a transaction of its own, that writes nothing, it holds it
        // for no fsync: in that of the change it would make all changes wait for one another's.
        let text = format!(
            "SELECT pg_current_snapshot()::text, n.id, n.beat, n.snapshot,
                 CASE WHEN $2 AND n.id IS NOT NULL THEN pg_notify('{CHANNEL}', '')::text END
             FROM (SELECT 1 AS one) one LEFT JOIN nodes n ON n.id <> $1"
        );
        Ok(Self {
            look: client.prepare_cached(&text).await.map_err(refused)?,
            client,
            silence: Silence::default(),
        })
    }
}

fn refused(error: tokio_postgres::Error) -> Error {
    Error::unavailable(words(&error))
}
