//! The store's families.

use crate::exposition::Exposition;
use keyward_service::{NodeReading, StoreReading};

pub(super) fn show(exposition: &mut Exposition, reading: &StoreReading) {
    show_transactions(exposition, reading);
    show_memory(exposition, reading);
    show_sqlite(exposition, reading);
    show_pools(exposition, reading);
    if let Some(node) = &reading.node {
        show_node(exposition, node);
    }
}

fn show_node(exposition: &mut Exposition, node: &NodeReading) {
    exposition
        .gauge(
            "keyward_node_lease_seconds",
            "How much longer memory may answer before the feed must have been read again; 0: the database is asked.",
        )
        .sample(&[], node.lease_rest.as_secs_f64());
    exposition
        .counter(
            "keyward_node_joins_total",
            "How often this node joined the others, with an empty memory: once at its start, and after each loss.",
        )
        .sample(&[], node.joins);
    exposition
        .histogram(
            "keyward_node_turn_duration_seconds",
            "What it took to read the feed, forget what it says, and tell the others.",
        )
        .distribution(&[], &node.turns);
    exposition
        .counter(
            "keyward_node_removals_heard_total",
            "Removals that the feed told of, those of this node included.",
        )
        .sample(&[], node.removals_heard);
    exposition
        .histogram(
            "keyward_node_wait_duration_seconds",
            "How long answers to changes waited until every node had heard of them.",
        )
        .distribution(&[], &node.waits);
    exposition
        .counter(
            "keyward_node_waits_outlasted_total",
            "Answers that waited for a whole lease, since a node did not move.",
        )
        .sample(&[], node.outwaited);
}

fn show_transactions(exposition: &mut Exposition, reading: &StoreReading) {
    let mut seconds = exposition.histogram(
        "keyward_store_transaction_duration_seconds",
        "From the call of a transaction to its answer, waiting included, by kind.",
    );
    for transaction in &reading.transactions {
        seconds.distribution(&[("kind", transaction.kind)], &transaction.seconds);
    }
    let mut rolled_back = exposition.counter(
        "keyward_store_transactions_rolled_back_total",
        "Transactions that did not commit, because their use case refused or the database did, by kind.",
    );
    for transaction in &reading.transactions {
        rolled_back.sample(&[("kind", transaction.kind)], transaction.rolled_back);
    }
    let mut seconds = exposition.histogram(
        "keyward_store_statement_duration_seconds",
        "What the database took for a statement, by its name.",
    );
    // A statement that never ran has no line yet.
    for (name, reading) in &reading.statements {
        if reading.count() > 0 {
            seconds.distribution(&[("statement", &name.to_lowercase())], reading);
        }
    }
}

fn show_memory(exposition: &mut Exposition, reading: &StoreReading) {
    let memory = reading.memory;
    let mut gauge = |name, help, value: usize| {
        exposition.gauge(name, help).sample(&[], value);
    };
    gauge(
        "keyward_memory_sessions",
        "Sessions, each with a verified token, that are kept in memory.",
        memory.sessions,
    );
    gauge(
        "keyward_memory_session_bytes",
        "About how much the sessions in memory take.",
        memory.session_bytes,
    );
    gauge(
        "keyward_memory_max_bytes",
        "How much they may take; 0: nothing is kept.",
        memory.bytes_max,
    );
    let mut lookups = exposition.counter(
        "keyward_memory_lookups_total",
        "Tokens that were looked up in memory; a miss asks the store.",
    );
    lookups
        .sample(&[("result", "hit")], memory.hits)
        .sample(&[("result", "miss")], memory.misses);
    exposition
        .counter(
            "keyward_memory_removals_total",
            "Removals because an event said that something was over.",
        )
        .sample(&[], memory.removals);
}

fn show_sqlite(exposition: &mut Exposition, reading: &StoreReading) {
    let Some(sqlite) = &reading.sqlite else {
        return;
    };
    exposition
        .gauge(
            "keyward_sqlite_queue_length",
            "Use cases that wait for a thread of the database.",
        )
        .sample(&[("queue", "writer")], sqlite.writer_waiting)
        .sample(&[("queue", "reader")], sqlite.reader_waiting);
    exposition
        .histogram(
            "keyward_sqlite_batch_use_cases",
            "How many use cases shared a commit.",
        )
        .distribution(&[], &sqlite.batch_lengths);
    exposition
        .histogram(
            "keyward_sqlite_commit_duration_seconds",
            "How long commits took.",
        )
        .distribution(&[], &sqlite.commit_seconds);
}

fn show_pools(exposition: &mut Exposition, reading: &StoreReading) {
    if reading.pools.is_empty() {
        return;
    }
    let mut connections = exposition.gauge(
        "keyward_postgres_connections",
        "Connections to the database by role and state.",
    );
    for pool in &reading.pools {
        let in_use = pool.open.saturating_sub(pool.idle);
        connections
            .sample(&[("role", pool.role), ("state", "idle")], pool.idle)
            .sample(&[("role", pool.role), ("state", "in_use")], in_use);
    }
    let mut connections_max = exposition.gauge(
        "keyward_postgres_connections_max",
        "How many connections there may be, by role.",
    );
    for pool in &reading.pools {
        connections_max.sample(&[("role", pool.role)], pool.open_max);
    }
    let mut waiting = exposition.gauge(
        "keyward_postgres_waiting",
        "Requests that wait for a connection, by role.",
    );
    for pool in &reading.pools {
        waiting.sample(&[("role", pool.role)], pool.waiting);
    }
}
