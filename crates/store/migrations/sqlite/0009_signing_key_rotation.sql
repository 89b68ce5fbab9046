-- The times of a signing key, from which its state follows. A private key is destroyed before its row's history is.
-- SQLite changes no column: the table is made anew.

CREATE TABLE signing_keys_with_times (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    id BLOB NOT NULL,
    algorithm TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sealed_private_key BLOB,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL DEFAULT 0,
    token_ttl_seconds INTEGER NOT NULL DEFAULT 0,
    published_until INTEGER,
    revoked_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
INSERT INTO signing_keys_with_times (tenant_id, id, algorithm, public_key, sealed_private_key, created_at, version)
    SELECT tenant_id, id, algorithm, public_key, sealed_private_key, created_at, version FROM signing_keys;
DROP TABLE signing_keys;
ALTER TABLE signing_keys_with_times RENAME TO signing_keys;

-- One key of a tenant has no successor: of two rotations at once one fails here at the latest.
CREATE UNIQUE INDEX signing_keys_last ON signing_keys (tenant_id) WHERE published_until IS NULL AND revoked_at IS NULL;

-- When the tenant's keys are to be looked at for a rotation; never, if null. Nobody has looked yet.
ALTER TABLE tenants ADD COLUMN rotation_due_at INTEGER DEFAULT 0;
CREATE INDEX tenants_rotation_due ON tenants (rotation_due_at, tenant_id);
