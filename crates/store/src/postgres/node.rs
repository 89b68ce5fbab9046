//! A node among several on one PostgreSQL database: it hears what every node must forget, and says how far it has heard.
//!
//! A thread with a connection of its own takes turns, each time it is notified and else each [`POLL`]. In a turn it
//! 1. notes the clock;
//! 2. reads in one statement the rows of the feed that are new since its last turn, and the snapshot they were read in;
//! 3. forgets what they say;
//! 4. counts its row in `nodes` on (`beat + 1`), and leaves the snapshot there.
//!
//! Only when the last succeeded is its lease extended, to [`LEASE`](crate::node_lease::LEASE) after the noted moment; memory
//! answers only under a lease, by a clock that is read after the look-up. If the row is gone, the connection broke, or the lease
//! ran out before the feed was read, the node joins anew: its row first, then an empty memory, then the lease.
//!
//! **Why no node accepts what another has answered as revoked.** Let R be a revocation, committed at c and answered at a. R's
//! node looks at `nodes` after c and answers when the snapshot of every row contains R, or at c + 2.2 s (`hearing.rs`). Take any
//! other node N that looks a session up at a moment t > a and accepts it from memory, so under a lease at t.
//! - *What memory holds was filled by a read.* One that began after c saw R, and would not have filled it. So it began before c,
//!   with a ticket from before it. If N applied R (or emptied its memory) at some moment between the ticket and t, the ticket's
//!   epochs are not those of t: nothing is found. So N has neither applied R nor emptied its memory since.
//! - Then N has not joined since c, its turns follow one another without a gap, and each reads all that became visible since the
//!   one before. The lease at t comes from a turn that did not see R: its snapshot was taken before c, and its clock noted before
//!   that. So t < c + 2 s.
//! - *R's node waited.* If N's row was there when R's node looked, its snapshot came not to contain R (it is left only after
//!   what it contains was applied), so R's node waited until c + 2.2 s > t, or until the row was gone. A row is taken out only
//!   after its beat stood still for 2.2 s, that is after its lease has run out; and by N itself after it had ended its lease. Both
//!   contradict t > a. If N's row was not there yet, N joined after c, and emptied its memory after that: a contradiction too.
//!
//! What it rests on: clocks (`CLOCK_BOOTTIME`) that run at the right speed to within five percent; one primary, on which a
//! transaction that one statement saw is seen by all later ones (a failover must end the old primary first, and take longer than
//! a lease); a session of its own, so no pooler in transaction mode.
//!
//! A crash of the database may take the last beats back, since they are not waited for on the disk. It also breaks every
//! connection, so every node joins anew; the row itself was written durably, and others begin to watch it anew (`silence.rs`).

use super::PostgresOptions;
use super::connect::{Listening, listen, words};
use super::silence::{Silence, take_out};
use super::snapshot::Snapshot;
use crate::error::Error;
use crate::memory::Memory;
use crate::node_lease::{LEASE, Moment, NodeLease};
use keyward_model::{Clock, NodeId, Removal};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

/// How often the feed is read when nobody notifies.
const POLL: Duration = Duration::from_millis(500);
/// How long a turn may take, or joining.
const WAIT: Duration = Duration::from_secs(5);
/// How long to wait before joining is tried again.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// Until the row is there for certain, whatever befalls the database, nobody would wait for this node.
const JOIN_DURABLY: &str = "SET synchronous_commit = local";
/// Beats are not waited for on the disk: they do no more than a lease is worth.
const BEAT_QUICKLY: &str = "SET synchronous_commit = off";
const JOIN: &str = "INSERT INTO nodes (id, name, version, started_at, seen_at, beat, snapshot)
    VALUES ($1, $2, $3, $4, $5, $6, pg_current_snapshot()::text)
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, beat = excluded.beat, snapshot = excluded.snapshot
    RETURNING snapshot";
const READ: &str = "SELECT now.snapshot, f.removal_kind, f.removal_id
    FROM (SELECT pg_current_snapshot()::text AS snapshot) now
    LEFT JOIN feed f ON (f.transaction_id >= $1 OR f.transaction_id = ANY ($2)) AND f.removal_kind IS NOT NULL";
const BEAT: &str =
    "UPDATE nodes SET beat = beat + 1, snapshot = $3, seen_at = $4 WHERE id = $1 AND beat = $2";
const OTHERS: &str = "SELECT id, beat FROM nodes WHERE id <> $1";
const LEAVE: &str = "DELETE FROM nodes WHERE id = $1";

/// Who a node is.
#[derive(Clone)]
pub struct NodeIdentity {
    /// Another one in each process.
    pub id: NodeId,
    /// What operators call it.
    pub name: String,
    /// Of Keyward.
    pub version: String,
    /// For what operators are shown; no lease rests on it.
    pub clock: Arc<dyn Clock>,
}

/// This process as a node. Dropping it takes it out.
#[derive(Debug)]
pub(crate) struct Node {
    id: NodeId,
    lease: Arc<NodeLease>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the node's thread works with.
struct Turns {
    options: PostgresOptions,
    identity: NodeIdentity,
    lease: Arc<NodeLease>,
    memory: Arc<Memory>,
}

/// A node that has a row, and its connection.
struct Joined {
    listening: Listening,
    read: Statement,
    count_on: Statement,
    beat: i64,
    /// What was read last: all that is visible in it is forgotten.
    heard: Snapshot,
    silence: Silence,
    watched_at: Moment,
}

impl Node {
    /// Joins the nodes of a database, with an empty memory.
    pub(crate) async fn join(
        options: &PostgresOptions,
        identity: NodeIdentity,
        memory: Arc<Memory>,
    ) -> Result<Self, Error> {
        let lease = Arc::new(NodeLease::new());
        let id = identity.id;
        let turns = Turns {
            options: options.clone(),
            identity,
            lease: lease.clone(),
            memory,
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        // A runtime of its own: a busy node must not lose its lease because its other threads are busy.
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::unfit)?;
        let thread = std::thread::Builder::new()
            .name("keyward-node".to_owned())
            .spawn(move || runtime.block_on(turns.run(tell, stopped)))
            .map_err(Error::unfit)?;
        let node = Self {
            id,
            lease,
            stop: Some(stop),
            thread: Some(thread),
        };
        told.await
            .map_err(|_| Error::unavailable("the thread of the node has ended"))??;
        Ok(node)
    }

    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn lease(&self) -> &NodeLease {
        &self.lease
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Before the row goes, as nobody waits for this node from then on.
        self.lease.end();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Turns {
    async fn run(
        self,
        tell: oneshot::Sender<Result<(), Error>>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let mut joined = match self.join().await {
            Ok(joined) => joined,
            Err(error) => {
                let _ = tell.send(Err(error));
                return;
            }
        };
        let _ = tell.send(Ok(()));
        loop {
            let reason = tokio::select! {
                biased;
                _ = &mut stopped => return self.leave(joined).await,
                reason = self.take_turns(&mut joined) => reason,
            };
            self.lease.end();
            drop(joined);
            tracing::warn!(
                %reason,
                "this node has lost touch with the others: it answers from the database until it has joined them again"
            );
            joined = tokio::select! {
                biased;
                _ = &mut stopped => return,
                joined = self.join_again() => joined,
            };
            tracing::info!("this node has joined the others again");
        }
    }

    async fn join_again(&self) -> Joined {
        let mut retry = RETRY;
        loop {
            match self.join().await {
                Ok(joined) => return joined,
                Err(error) => tracing::warn!(%error, "this node could not join the others"),
            }
            sleep(retry).await;
            retry = (retry * 2).min(RETRY_MAX);
        }
    }

    /// The row first: from then on others wait for this node. Then memory is emptied, also of what reads that are under way
    /// are about to fill in; what is read from then on saw all that was committed before the row.
    async fn join(&self) -> Result<Joined, Error> {
        let joining = async {
            let listening = listen(&self.options, &self.application()).await?;
            let noted = Moment::now();
            let row = self.write_row(&listening, noted).await?;
            let heard: String = row.try_get(0).map_err(refused)?;
            let client = &listening.client;
            let joined = Joined {
                read: client.prepare(READ).await.map_err(refused)?,
                count_on: client.prepare(BEAT).await.map_err(refused)?,
                listening,
                beat: noted.number(),
                heard: parse(&heard)?,
                silence: Silence::default(),
                watched_at: noted,
            };
            self.memory.forget_all();
            self.lease.extend(noted);
            self.lease.joins.increment();
            Ok(joined)
        };
        match timeout(WAIT, joining).await {
            Ok(joined) => joined,
            Err(_) => Err(Error::unavailable("the database did not answer in time")),
        }
    }

    async fn write_row(&self, listening: &Listening, noted: Moment) -> Result<Row, Error> {
        let client = &listening.client;
        let (now, identity) = (self.identity.clock.now().micros(), &self.identity);
        let (id, beat) = (identity.id.uuid(), noted.number());
        // The beat is one that no row of this node had before: whoever saw an older row does not take this one out.
        let values: [&(dyn ToSql + Sync); 6] =
            [&id, &identity.name, &identity.version, &now, &now, &beat];
        client.batch_execute(JOIN_DURABLY).await.map_err(refused)?;
        let row = client.query_one(JOIN, &values).await.map_err(refused)?;
        client.batch_execute(BEAT_QUICKLY).await.map_err(refused)?;
        Ok(row)
    }

    /// Takes turns for as long as they go well; ends with the reason why one did not.
    async fn take_turns(&self, joined: &mut Joined) -> Error {
        loop {
            let bell = joined.listening.bell.clone();
            let ended = tokio::select! {
                ended = &mut joined.listening.connection => Some(ended),
                () = self.notified(&bell) => None,
                () = sleep(POLL) => None,
            };
            if let Some(ended) = ended {
                return Error::unavailable(ended.unwrap_or_else(|error| error.to_string()));
            }
            #[cfg(feature = "testing")]
            stall(&self.lease.hindrance.stall);
            match timeout(WAIT, self.take_turn(joined)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return Error::unavailable("the database did not answer in time"),
            }
        }
    }

    async fn notified(&self, bell: &Notify) {
        bell.notified().await;
        #[cfg(feature = "testing")]
        if self
            .lease
            .hindrance
            .is_deaf
            .load(std::sync::atomic::Ordering::SeqCst)
        {
            std::future::pending::<()>().await;
        }
    }

    async fn take_turn(&self, joined: &mut Joined) -> Result<(), Error> {
        let noted = Moment::now();
        let client = &joined.listening.client;
        // Exactly what the snapshot before could not see, however long some of it takes: each by the index.
        let (xmax, in_progress) = joined.heard.unseen();
        let rows = client
            .query(&joined.read, &[&xmax, &in_progress])
            .await
            .map_err(refused)?;
        // What was in the feed for as long as the lease before lasted is what is certain to have been in it now.
        if !self.lease.holds() {
            return Err(Error::unavailable("its lease has run out"));
        }
        let heard: String = match rows.first() {
            Some(row) => row.try_get(0).map_err(refused)?,
            None => return Err(Error::unavailable("there was no snapshot")),
        };
        let seen = parse(&heard)?;
        self.apply(&rows)?;
        #[cfg(feature = "testing")]
        stall(&self.lease.hindrance.stall_within);
        let (id, now) = (self.identity.id.uuid(), self.identity.clock.now().micros());
        let beaten = client
            .execute(&joined.count_on, &[&id, &joined.beat, &heard, &now])
            .await
            .map_err(refused)?;
        if beaten == 0 {
            return Err(Error::unavailable(
                "another node has taken it for dead, since it was silent for longer than a lease",
            ));
        }
        joined.beat += 1;
        joined.heard = seen;
        self.lease.extend(noted);
        self.lease.turns.observe(noted.elapsed());
        if joined.watched_at.elapsed() >= POLL {
            joined.watched_at = Moment::now();
            self.take_out_the_silent(joined).await?;
        }
        Ok(())
    }

    fn apply(&self, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let kind: Option<&str> = row.try_get(1).map_err(refused)?;
            let id: Option<Uuid> = row.try_get(2).map_err(refused)?;
            let (Some(kind), Some(id)) = (kind, id) else {
                continue;
            };
            match Removal::from_columns(kind, id) {
                Some(removal) => self.memory.remove_all(vec![removal]),
                // From a node of a newer version.
                None => self.memory.forget_all(),
            }
            self.lease.applied.increment();
        }
        Ok(())
    }

    /// Anybody may take out the row of a node that cannot answer from memory any more.
    async fn take_out_the_silent(&self, joined: &mut Joined) -> Result<(), Error> {
        let (client, own) = (&joined.listening.client, self.identity.id.uuid());
        let found = client.query(OTHERS, &[&own]).await.map_err(refused)?;
        let now = Moment::now();
        let mut others = Vec::with_capacity(found.len());
        for row in &found {
            others.push((
                row.try_get(0).map_err(refused)?,
                row.try_get(1).map_err(refused)?,
            ));
        }
        for (id, beat) in joined.silence.observe(&others, now) {
            take_out(client, id, beat).await?;
        }
        Ok(())
    }

    /// Takes the row away, so that nobody waits for this node. The lease has ended before.
    async fn leave(&self, joined: Joined) {
        self.lease.end();
        let id = self.identity.id.uuid();
        let own: [&(dyn ToSql + Sync); 1] = [&id];
        let leaving = joined.listening.client.execute(LEAVE, &own);
        match timeout(LEASE, leaving).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = words(&error), "this node could not take itself out");
            }
            Err(_) => tracing::warn!("this node could not take itself out in time"),
        }
    }

    /// What the database's administrator sees of the connection; 63 bytes of it are kept.
    fn application(&self) -> String {
        let printable = |character: &char| (' '..='~').contains(character);
        let name = format!("keyward node {}", self.identity.name);
        name.chars().filter(printable).take(63).collect()
    }
}

fn refused(error: tokio_postgres::Error) -> Error {
    Error::unavailable(words(&error))
}

fn parse(snapshot: &str) -> Result<Snapshot, Error> {
    let parsed = snapshot.parse();
    parsed.map_err(|_| Error::unavailable(format!("{snapshot:?} is no snapshot")))
}

/// Stands still once for as long as a test wants, as all of a stopped process does.
#[cfg(feature = "testing")]
fn stall(milliseconds: &std::sync::atomic::AtomicU64) {
    let length = milliseconds.swap(0, std::sync::atomic::Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(length));
}
