-- Tenants, the names that lead to them, and their keys.
-- {app_role} serves requests and sees one tenant at a time; {system_role} finds out which one.

CREATE TABLE instance_settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON instance_settings TO {system_role};

CREATE TABLE tenants (
    tenant_id UUID NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    issuer TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenants
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
CREATE POLICY system_reads ON tenants FOR SELECT TO {system_role} USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO {app_role};
GRANT SELECT ON tenants TO {system_role};

CREATE TABLE tenant_routes (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind, name),
    UNIQUE (kind, name)
);
ALTER TABLE tenant_routes ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_routes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenant_routes
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
CREATE POLICY system_reads ON tenant_routes FOR SELECT TO {system_role} USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_routes TO {app_role};
GRANT SELECT ON tenant_routes TO {system_role};

CREATE TABLE tenant_keys (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    id UUID NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE tenant_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenant_keys
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_keys TO {app_role};

CREATE TABLE signing_keys (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    id UUID NOT NULL,
    algorithm TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    sealed_private_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON signing_keys
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON signing_keys TO {app_role};
