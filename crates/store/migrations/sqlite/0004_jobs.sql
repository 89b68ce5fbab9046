-- Work that is done later, and when what recurs is due.

CREATE TABLE jobs (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    deduplication_key TEXT,
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    attempts_max INTEGER NOT NULL,
    claim INTEGER NOT NULL,
    claimed_by BLOB,
    lease_until INTEGER,
    progress_done INTEGER NOT NULL,
    progress_total INTEGER,
    cancel_requested INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX jobs_live_key ON jobs (tenant_id, deduplication_key) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE state = 'waiting';
CREATE INDEX jobs_running ON jobs (lease_until, id) WHERE state = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_by_id ON jobs (id);

-- What recurs. `scan_after` is where a scan goes on that was begun; whoever holds the lease goes on with it.
CREATE TABLE schedules (
    name TEXT NOT NULL PRIMARY KEY,
    next_run_at INTEGER NOT NULL,
    scan_after BLOB,
    claim INTEGER NOT NULL,
    lease_until INTEGER
) STRICT;

CREATE INDEX sessions_expiry ON sessions (tenant_id, expires_at);
