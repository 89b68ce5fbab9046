-- Requests that are done once: who asked for what with which key, and what was answered. Kept for a day.

CREATE TABLE idempotency_keys (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BYTEA NOT NULL,
    body TEXT,
    secret_of UUID,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, name)
);
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (tenant_id, expires_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON idempotency_keys
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO {app_role};
