-- The times of a signing key, from which its state follows. A private key is destroyed before its row's history is.

ALTER TABLE signing_keys
    ALTER COLUMN sealed_private_key DROP NOT NULL,
    ADD COLUMN signs_from BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN token_ttl_seconds BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN published_until BIGINT,
    ADD COLUMN revoked_at BIGINT;

-- One key of a tenant has no successor: of two rotations at once one fails here at the latest.
CREATE UNIQUE INDEX signing_keys_last ON signing_keys (tenant_id) WHERE published_until IS NULL AND revoked_at IS NULL;

-- When the tenant's keys are to be looked at for a rotation; never, if null. Nobody has looked yet.
ALTER TABLE tenants ADD COLUMN rotation_due_at BIGINT DEFAULT 0;
CREATE INDEX tenants_rotation_due ON tenants (rotation_due_at, tenant_id);
