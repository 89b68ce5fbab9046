-- Publishable keys, and from which origins browsers may call. The two tables that are looked at before a tenant is known,
-- tenant_routes and allowed_origins, hold the rows of active keys alone.

CREATE TABLE publishable_keys (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    id UUID NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    allowed_origins TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key)
);
ALTER TABLE publishable_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE publishable_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON publishable_keys
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON publishable_keys TO {app_role};

CREATE TABLE allowed_origins (
    tenant_id UUID NOT NULL,
    key_id UUID NOT NULL,
    origin TEXT NOT NULL,
    PRIMARY KEY (tenant_id, key_id, origin),
    FOREIGN KEY (tenant_id, key_id) REFERENCES publishable_keys (tenant_id, id)
);
CREATE INDEX allowed_origins_by_origin ON allowed_origins (origin, tenant_id);
ALTER TABLE allowed_origins ENABLE ROW LEVEL SECURITY;
ALTER TABLE allowed_origins FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON allowed_origins
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
CREATE POLICY system_reads ON allowed_origins FOR SELECT TO {system_role} USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON allowed_origins TO {app_role};
GRANT SELECT ON allowed_origins TO {system_role};
