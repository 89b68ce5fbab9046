-- What happened: the audit record, and the feed that other nodes and consumers follow.

-- No UPDATE and no DELETE for the app role: what is recorded stays. `seq` is set by the sealer of a later migration.
CREATE TABLE audit_events (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    id UUID NOT NULL,
    occurred_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id UUID,
    target_kind TEXT NOT NULL,
    target_id UUID,
    public_part TEXT NOT NULL,
    personal_part TEXT,
    seq BIGINT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, seq)
);
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON audit_events
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT ON audit_events TO {app_role};

-- Read in the order (transaction_id, position), below the horizon of running transactions.
CREATE TABLE feed (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    event_id UUID NOT NULL,
    position BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    transaction_id BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    kind TEXT NOT NULL,
    target_id UUID,
    entity_version BIGINT,
    removal_kind TEXT,
    removal_id UUID,
    PRIMARY KEY (tenant_id, event_id),
    UNIQUE (position)
);
CREATE INDEX feed_order ON feed (transaction_id, position);
ALTER TABLE feed ENABLE ROW LEVEL SECURITY;
ALTER TABLE feed FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON feed
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
CREATE POLICY system_reads ON feed FOR SELECT TO {system_role} USING (true);
GRANT SELECT, INSERT ON feed TO {app_role};
GRANT SELECT ON feed TO {system_role};
