-- Work that is done later, and when what recurs is due.

-- Written by the app role under the tenant's policy, in the transaction of the change that wants the work done. The
-- system role finds what is due in any tenant; it does not see what a job is about (payload, keys, errors).
CREATE TABLE jobs (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    deduplication_key TEXT,
    state TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    attempts_max BIGINT NOT NULL,
    claim BIGINT NOT NULL,
    claimed_by UUID,
    lease_until BIGINT,
    progress_done BIGINT NOT NULL,
    progress_total BIGINT,
    cancel_requested BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX jobs_live_key ON jobs (tenant_id, deduplication_key) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE state = 'waiting';
CREATE INDEX jobs_running ON jobs (lease_until, id) WHERE state = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_by_id ON jobs (id);
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON jobs
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
CREATE POLICY system_works ON jobs TO {system_role} USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO {app_role};
GRANT SELECT (tenant_id, id, kind, state, run_at, attempts, attempts_max, claim, claimed_by, lease_until, progress_done,
        progress_total, cancel_requested, created_at, finished_at, version),
    UPDATE (state, attempts, claim, claimed_by, lease_until, version), DELETE ON jobs TO {system_role};

-- What recurs. `scan_after` is where a scan goes on that was begun; whoever holds the lease goes on with it.
CREATE TABLE schedules (
    name TEXT NOT NULL PRIMARY KEY,
    next_run_at BIGINT NOT NULL,
    scan_after UUID,
    claim BIGINT NOT NULL,
    lease_until BIGINT
);
GRANT SELECT, INSERT, UPDATE ON schedules TO {system_role};

-- Which tenants have sessions to delete: the system role sees that, and of a session no more.
CREATE INDEX sessions_expiry ON sessions (tenant_id, expires_at);
CREATE POLICY system_scans ON sessions FOR SELECT TO {system_role} USING (true);
GRANT SELECT (tenant_id, expires_at) ON sessions TO {system_role};
