-- OAuth clients, tokens that are over before their time, and how often what happened to tokens.

CREATE TABLE oauth_clients (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    authentication TEXT NOT NULL,
    rights TEXT NOT NULL,
    status TEXT NOT NULL,
    secret_digest BLOB,
    previous_secret_digest BLOB,
    previous_secret_until INTEGER,
    keys TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- Access tokens that were revoked, and assertions of clients that were used: each until it would be over by itself.
CREATE TABLE token_denylist (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    kind TEXT NOT NULL,
    digest BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind, digest)
) STRICT;
CREATE INDEX token_denylist_by_end ON token_denylist (tenant_id, expires_at);

-- The nil client is Keyward's own sign-in.
CREATE TABLE token_usage (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    client_id BLOB NOT NULL,
    issued INTEGER NOT NULL,
    refreshed INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    introspected INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, day, kind, client_id)
) STRICT;

-- A session is over when its tenant has counted on since it was opened: so all of a tenant's end by one row.
ALTER TABLE tenants ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN sessions_ended_at INTEGER;
ALTER TABLE sessions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
