-- Attempts at credentials, by what they are counted by: an HMAC, so that nobody is named here. `expires_at` is null while an
-- account is closed, which only an administrator ends.

CREATE TABLE attempt_counts (
    tenant_id UUID NOT NULL REFERENCES tenants (tenant_id),
    digest BYTEA NOT NULL,
    moments BYTEA NOT NULL,
    failures BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant_id, digest)
);
CREATE INDEX attempt_counts_by_end ON attempt_counts (tenant_id, expires_at);
ALTER TABLE attempt_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE attempt_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON attempt_counts
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON attempt_counts TO {app_role};
-- Which tenants have some to delete: the system role sees that, and no more.
CREATE POLICY system_scans ON attempt_counts FOR SELECT TO {system_role} USING (true);
GRANT SELECT (tenant_id, expires_at) ON attempt_counts TO {system_role};

-- Devices on which a user has signed in, known by the digest of a token.

CREATE TABLE known_devices (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    password_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, digest),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX known_devices_by_user ON known_devices (tenant_id, user_id, last_used_at);
CREATE INDEX known_devices_by_end ON known_devices (tenant_id, expires_at);
ALTER TABLE known_devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE known_devices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON known_devices
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON known_devices TO {app_role};
-- Which tenants have some to delete: the system role sees that, and no more.
CREATE POLICY system_scans ON known_devices FOR SELECT TO {system_role} USING (true);
GRANT SELECT (tenant_id, expires_at) ON known_devices TO {system_role};
