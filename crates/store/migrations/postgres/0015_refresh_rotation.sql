-- Refresh tokens rotate. A row of refresh_tokens is a family: it has the one token of it that is good now. What was good
-- before is spent, and stays known until the family goes: whoever presents it has a copy.

ALTER TABLE refresh_tokens ADD COLUMN client_id TEXT NOT NULL DEFAULT 'first-party';
ALTER TABLE refresh_tokens ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE refresh_tokens ADD COLUMN rotated_at BIGINT;
ALTER TABLE refresh_tokens ADD COLUMN revoked_at BIGINT;
ALTER TABLE refresh_tokens ADD COLUMN revoke_reason TEXT;

CREATE TABLE spent_refresh_tokens (
    tenant_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    family_id UUID NOT NULL,
    generation BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, digest),
    FOREIGN KEY (tenant_id, family_id) REFERENCES refresh_tokens (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX spent_refresh_tokens_of_family ON spent_refresh_tokens (tenant_id, family_id);

-- What the last exchange of a family was answered with, for ten seconds, sealed under a key that only the holder of the
-- exchanged token has.
CREATE TABLE refresh_answers (
    tenant_id UUID NOT NULL,
    family_id UUID NOT NULL,
    generation BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    erase_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, family_id),
    FOREIGN KEY (tenant_id, family_id) REFERENCES refresh_tokens (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE spent_refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE spent_refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON spent_refresh_tokens
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON spent_refresh_tokens TO {app_role};

ALTER TABLE refresh_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON refresh_answers
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_answers TO {app_role};
