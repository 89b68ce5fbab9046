-- OAuth clients, tokens that are over before their time, and how often what happened to tokens.

CREATE TABLE oauth_clients (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    id UUID NOT NULL,
    name TEXT NOT NULL,
    authentication TEXT NOT NULL,
    rights TEXT NOT NULL,
    status TEXT NOT NULL,
    secret_digest BYTEA,
    previous_secret_digest BYTEA,
    previous_secret_until BIGINT,
    keys TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE oauth_clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_clients FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON oauth_clients
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_clients TO {app_role};

-- Access tokens that were revoked, and assertions of clients that were used: each until it would be over by itself.
CREATE TABLE token_denylist (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    kind TEXT NOT NULL,
    digest BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind, digest)
);
CREATE INDEX token_denylist_by_end ON token_denylist (tenant_id, expires_at);
ALTER TABLE token_denylist ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_denylist FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON token_denylist
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_denylist TO {app_role};
CREATE POLICY system_scans ON token_denylist FOR SELECT TO {system_role} USING (true);
GRANT SELECT (tenant_id, expires_at) ON token_denylist TO {system_role};

-- The nil client is Keyward's own sign-in.
CREATE TABLE token_usage (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    day BIGINT NOT NULL,
    kind TEXT NOT NULL,
    client_id UUID NOT NULL,
    issued BIGINT NOT NULL,
    refreshed BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    introspected BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, day, kind, client_id)
);
ALTER TABLE token_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON token_usage
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_usage TO {app_role};

-- A session is over when its tenant has counted on since it was opened: so all of a tenant's end by one row.
ALTER TABLE tenants ADD COLUMN session_epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN sessions_ended_at BIGINT;
ALTER TABLE sessions ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
