-- Refresh tokens rotate. A row of refresh_tokens is a family: it has the one token of it that is good now. What was good
-- before is spent, and stays known until the family goes: whoever presents it has a copy.

ALTER TABLE refresh_tokens ADD COLUMN client_id TEXT NOT NULL DEFAULT 'first-party';
ALTER TABLE refresh_tokens ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE refresh_tokens ADD COLUMN rotated_at INTEGER;
ALTER TABLE refresh_tokens ADD COLUMN revoked_at INTEGER;
ALTER TABLE refresh_tokens ADD COLUMN revoke_reason TEXT;

CREATE TABLE spent_refresh_tokens (
    tenant_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    family_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, digest),
    FOREIGN KEY (tenant_id, family_id) REFERENCES refresh_tokens (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX spent_refresh_tokens_of_family ON spent_refresh_tokens (tenant_id, family_id);

-- What the last exchange of a family was answered with, for ten seconds, sealed under a key that only the holder of the
-- exchanged token has.
CREATE TABLE refresh_answers (
    tenant_id BLOB NOT NULL,
    family_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    erase_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, family_id),
    FOREIGN KEY (tenant_id, family_id) REFERENCES refresh_tokens (tenant_id, id) ON DELETE CASCADE
) STRICT;
