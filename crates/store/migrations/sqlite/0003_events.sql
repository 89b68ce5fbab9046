-- What happened: the audit record, and the feed that other nodes and consumers follow.

-- `seq` is set by the sealer of a later migration.
CREATE TABLE audit_events (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    id BLOB NOT NULL,
    occurred_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    target_kind TEXT NOT NULL,
    target_id BLOB,
    public_part TEXT NOT NULL,
    personal_part TEXT,
    seq INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, seq)
) STRICT;

-- One writer makes the order of positions that of commits; AUTOINCREMENT never gives one twice, also after pruning, and
-- asks for the primary key.
CREATE TABLE feed (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    event_id BLOB NOT NULL,
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    transaction_id INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL,
    target_id BLOB,
    entity_version INTEGER,
    removal_kind TEXT,
    removal_id BLOB,
    UNIQUE (tenant_id, event_id)
) STRICT;
CREATE INDEX feed_order ON feed (transaction_id, position);
