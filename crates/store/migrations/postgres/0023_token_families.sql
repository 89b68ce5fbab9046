-- A family of refresh tokens is one row, whatever number of tokens it had: the selector, which all of them begin with, finds it;
-- of the tokens it knows the one that is good and the one before. Any other with its selector is older.
-- Tokens from before have no selector: their sessions go on, but are not continued.

DROP TABLE refresh_answers;
DROP TABLE spent_refresh_tokens;
DROP TABLE refresh_tokens;

-- An exchange changes nothing that an index holds.
CREATE TABLE token_families (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    session_id UUID NOT NULL,
    client_id TEXT NOT NULL,
    selector_digest BYTEA NOT NULL,
    generation BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    previous_digest BYTEA,
    issued_at BIGINT NOT NULL,
    rotated_at BIGINT,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoke_reason TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, selector_digest),
    FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id)
);
CREATE INDEX token_families_of_session ON token_families (tenant_id, session_id);

-- What the last exchange of a family was answered with, for ten seconds, sealed under a key that only the holder of the
-- exchanged token has.
CREATE TABLE refresh_answers (
    tenant_id UUID NOT NULL,
    family_id UUID NOT NULL,
    generation BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    erase_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, family_id),
    FOREIGN KEY (tenant_id, family_id) REFERENCES token_families (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE token_families ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_families FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON token_families
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_families TO {app_role};

ALTER TABLE refresh_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON refresh_answers
    USING (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_answers TO {app_role};
