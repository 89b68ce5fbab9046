//! What the store counts and times, for whoever watches the server. It only counts: `server` gives it names and shows it.

use crate::memory::Memory;
use crate::statement::Statement;
use crate::{
    attempts, events, feed, holding, idempotency, instance_events, invitations, jobs, keys,
    known_devices, nodes, oauth_clients, publishable_keys, purge, revocations, routing, sessions,
    tenants, token_families, tokens, users,
};
use keyward_model::{Counter, Histogram, HistogramReading, Stopwatch};
use std::time::Duration;

/// What transactions are for, as far as they are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionKind {
    /// Reads rows of a tenant.
    Read,
    /// Changes rows of a tenant, with an event.
    Write,
    /// Bookkeeping without an event.
    Housekeeping,
    /// What is of no tenant.
    System,
}

/// The store's meters.
#[derive(Debug, Default)]
pub(crate) struct StoreMeter {
    transactions: [TransactionMeter; 4],
    pub(crate) sqlite: SqliteMeter,
    pub(crate) memory: MemoryMeter,
}

#[derive(Debug)]
struct TransactionMeter {
    seconds: Histogram,
    rolled_back: Counter,
}

/// What the writer thread of SQLite does.
#[derive(Debug)]
pub(crate) struct SqliteMeter {
    pub(crate) batch_lengths: Histogram,
    pub(crate) commit_seconds: Histogram,
}

/// What memory was asked and told.
#[derive(Debug, Default)]
pub(crate) struct MemoryMeter {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
}

/// What the store counted so far, and how it stands.
#[derive(Debug, Clone)]
pub struct StoreReading {
    /// By what they are for.
    pub transactions: Vec<TransactionReading>,
    /// By the statement's name: how long the engine took for each.
    pub statements: Vec<(&'static str, HistogramReading)>,
    /// What is SQLite's alone.
    pub sqlite: Option<SqliteReading>,
    /// What is PostgreSQL's alone: the pools of connections.
    pub pools: Vec<PoolReading>,
    /// What memory holds.
    pub memory: MemoryReading,
    /// How this node stands among the others, on PostgreSQL.
    pub node: Option<NodeReading>,
}

/// How a node stands among the others.
#[derive(Debug, Clone)]
pub struct NodeReading {
    /// How much longer its memory may answer without hearing more.
    pub lease_rest: Duration,
    /// How often it joined the others: once at its start, and after each loss.
    pub joins: u64,
    /// How long it took to read the feed and to say so, each time.
    pub turns: HistogramReading,
    /// How many removals it took from the feed.
    pub removals_heard: u64,
    /// How long answers waited until every node knew.
    pub waits: HistogramReading,
    /// How many of them waited for as long as a lease may last, since a node did not move.
    pub outwaited: u64,
}

/// The transactions of one kind.
#[derive(Debug, Clone)]
pub struct TransactionReading {
    /// The kind.
    pub kind: &'static str,
    /// How long they took, from their call to their answer.
    pub seconds: HistogramReading,
    /// How many of them did not commit: their use case refused, or the database did.
    pub rolled_back: u64,
}

/// How SQLite's threads stand.
#[derive(Debug, Clone)]
pub struct SqliteReading {
    /// How many use cases wait for the writer.
    pub writer_waiting: usize,
    /// How many wait for a reader.
    pub reader_waiting: usize,
    /// How many use cases shared each commit.
    pub batch_lengths: HistogramReading,
    /// How long each commit took.
    pub commit_seconds: HistogramReading,
}

/// How a pool of connections stands.
#[derive(Debug, Clone, Copy)]
pub struct PoolReading {
    /// Whose it is: `app` or `system`.
    pub role: &'static str,
    /// How many connections are open.
    pub open: usize,
    /// How many of them nobody uses.
    pub idle: usize,
    /// How many there may be.
    pub open_max: usize,
    /// How many requests wait for one.
    pub waiting: usize,
}

/// What memory holds, and how often it knew.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryReading {
    /// How many sessions, each with a verified token.
    pub sessions: usize,
    /// About how many bytes they take.
    pub session_bytes: usize,
    /// How many bytes they may take.
    pub bytes_max: usize,
    /// How often it knew.
    pub hits: u64,
    /// How often the store had to be asked.
    pub misses: u64,
    /// How often something was removed because an event said so.
    pub removals: u64,
}

impl Default for TransactionMeter {
    fn default() -> Self {
        Self {
            seconds: Histogram::of_durations(),
            rolled_back: Counter::new(),
        }
    }
}

impl Default for SqliteMeter {
    fn default() -> Self {
        Self {
            batch_lengths: Histogram::of_lengths(),
            commit_seconds: Histogram::of_durations(),
        }
    }
}

impl TransactionKind {
    const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Housekeeping, Self::System];

    /// The name as it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Housekeeping => "housekeeping",
            Self::System => "system",
        }
    }
}

impl StoreMeter {
    /// Counts a transaction that has ended.
    pub(crate) fn note(&self, kind: TransactionKind, begun: Stopwatch, rolled_back: bool) {
        let meter = &self.transactions[kind as usize];
        meter.seconds.observe(begun.elapsed());
        if rolled_back {
            meter.rolled_back.increment();
        }
    }

    pub(crate) fn read(
        &self,
        memory: &Memory,
        sqlite: Option<(usize, usize)>,
        pools: Vec<PoolReading>,
        node: Option<NodeReading>,
    ) -> StoreReading {
        let transactions = TransactionKind::ALL.into_iter().zip(&self.transactions);
        StoreReading {
            transactions: transactions
                .map(|(kind, meter)| TransactionReading {
                    kind: kind.name(),
                    seconds: meter.seconds.read(),
                    rolled_back: meter.rolled_back.value(),
                })
                .collect(),
            statements: all_statements()
                .map(|statement| (statement.name(), statement.seconds().read()))
                .collect(),
            sqlite: sqlite.map(|(writer_waiting, reader_waiting)| SqliteReading {
                writer_waiting,
                reader_waiting,
                batch_lengths: self.sqlite.batch_lengths.read(),
                commit_seconds: self.sqlite.commit_seconds.read(),
            }),
            pools,
            node,
            memory: MemoryReading {
                hits: self.memory.hits.value(),
                misses: self.memory.misses.value(),
                ..memory.reading()
            },
        }
    }
}

/// The statements of every entity.
pub(crate) fn all_statements() -> impl Iterator<Item = &'static &'static Statement> {
    [
        attempts::STATEMENTS,
        events::STATEMENTS,
        holding::STATEMENTS,
        holding::STATEMENTS_BY_ENGINE,
        idempotency::STATEMENTS,
        instance_events::STATEMENTS,
        feed::STATEMENTS,
        feed::STATEMENTS_BY_ENGINE,
        invitations::STATEMENTS,
        jobs::STATEMENTS,
        jobs::CLAIMING_STATEMENTS,
        jobs::STATEMENTS_BY_ENGINE,
        jobs::SCHEDULE_STATEMENTS,
        keys::STATEMENTS,
        known_devices::STATEMENTS,
        nodes::STATEMENTS,
        purge::STATEMENTS,
        oauth_clients::STATEMENTS,
        publishable_keys::STATEMENTS,
        revocations::STATEMENTS_BY_ENGINE,
        routing::STATEMENTS,
        sessions::STATEMENTS,
        tenants::STATEMENTS,
        token_families::STATEMENTS,
        tokens::STATEMENTS,
        users::STATEMENTS,
    ]
    .into_iter()
    .flatten()
}
