-- A family of refresh tokens is one row, whatever number of tokens it had: the selector, which all of them begin with, finds it;
-- of the tokens it knows the one that is good and the one before. Any other with its selector is older.
-- Tokens from before have no selector: their sessions go on, but are not continued.

DROP TABLE refresh_answers;
DROP TABLE spent_refresh_tokens;
DROP TABLE refresh_tokens;

-- An exchange changes nothing that an index holds.
CREATE TABLE token_families (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    session_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    selector_digest BLOB NOT NULL,
    generation INTEGER NOT NULL,
    digest BLOB NOT NULL,
    previous_digest BLOB,
    issued_at INTEGER NOT NULL,
    rotated_at INTEGER,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revoke_reason TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, selector_digest),
    FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id)
) STRICT;
CREATE INDEX token_families_of_session ON token_families (tenant_id, session_id);

-- What the last exchange of a family was answered with, for ten seconds, sealed under a key that only the holder of the
-- exchanged token has.
CREATE TABLE refresh_answers (
    tenant_id BLOB NOT NULL,
    family_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    erase_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, family_id),
    FOREIGN KEY (tenant_id, family_id) REFERENCES token_families (tenant_id, id) ON DELETE CASCADE
) STRICT;
