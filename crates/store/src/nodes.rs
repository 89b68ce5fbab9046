//! The nodes that serve the instance: this process as one of them, and all of them as operators look at them. What each does
//! and writes of itself is in `postgres/node.rs`.

use crate::error::Error;
use crate::memory::Memory;
use crate::meter::NodeReading;
use crate::node_lease::NodeLease;
use crate::postgres::{self, NodeIdentity, PostgresOptions};
use crate::row::Row;
use crate::statement::statements;
use crate::store::Store;
use crate::transaction::SystemTx;
use keyward_model::{Node, NodeId, Removal};
use std::sync::Arc;
use std::time::Duration;

statements! {
    LIST_NODES = "SELECT id, name, version, started_at, seen_at FROM nodes ORDER BY started_at, id";
}

impl SystemTx<'_> {
    /// The nodes that serve this database, the oldest first; on SQLite none, since one at a time serves and needs no row.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_nodes(&mut self) -> Result<Vec<Node>, Error> {
        let mut answer = self.run(&LIST_NODES, vec![]).await?;
        answer.rows.iter_mut().map(read_node).collect()
    }
}

impl Store {
    /// The same to serve it, as one node among others.
    ///
    /// # Errors
    /// As [`Store::open_postgres`].
    pub async fn open_postgres_as_node(
        options: &PostgresOptions,
        identity: NodeIdentity,
    ) -> Result<Self, Error> {
        let mut store = Self::open_postgres(options).await?;
        store.memory = Arc::new(Memory::new(options.memory_bytes_max));
        let node = postgres::Node::join(options, identity, store.memory.clone()).await?;
        if let Some(engine) = store.postgres() {
            engine.hearing().own(node.id());
        }
        store.node = Some(Arc::new(node));
        Ok(store)
    }

    /// Names this process among those that serve the database, where there may be others.
    pub fn node_id(&self) -> Option<NodeId> {
        self.node.as_ref().map(|node| node.id())
    }

    /// Calls `forget` with what memory has just forgotten, for what else rests on it; `None` is everything. One may follow.
    pub fn follow_removals(&self, forget: impl Fn(Option<Removal>) + Send + Sync + 'static) {
        self.memory.follow(Box::new(forget));
    }

    /// Sends a notification and hears it, as nodes do of one another's changes; gives how long it took. None where a node needs
    /// no other.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none comes.
    pub async fn try_notifying(&self) -> Result<Option<Duration>, Error> {
        match self.postgres() {
            Some(engine) => engine.try_notifying().await.map(Some),
            None => Ok(None),
        }
    }

    /// Waits until no node goes by what was before this moment.
    pub(crate) async fn wait_for_nodes(&self) {
        if let Some(engine) = self.postgres() {
            engine.hearing().wait().await;
        }
    }

    /// Whether memory may answer at this moment.
    pub(crate) fn memory_holds(&self) -> bool {
        self.node_lease().is_none_or(NodeLease::holds)
    }

    /// This node's lease, where it needs one.
    pub(crate) fn node_lease(&self) -> Option<&NodeLease> {
        self.node.as_ref().map(|node| node.lease())
    }

    /// How this node stands among the others.
    pub(crate) fn node_reading(&self) -> Option<NodeReading> {
        let node = self.node_lease().zip(self.postgres());
        node.map(|(lease, engine)| NodeReading {
            lease_rest: lease.rest(),
            joins: lease.joins.value(),
            turns: lease.turns.read(),
            removals_heard: lease.applied.value(),
            waits: engine.hearing().waits.read(),
            outwaited: engine.hearing().outwaited.value(),
        })
    }
}

fn read_node(row: &mut Row) -> Result<Node, Error> {
    Ok(Node {
        id: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        started_at: row.get(3)?,
        seen_at: row.get(4)?,
    })
}
