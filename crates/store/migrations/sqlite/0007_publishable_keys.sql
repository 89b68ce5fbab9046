-- Publishable keys, and from which origins browsers may call. The two tables that are looked at before a tenant is known,
-- tenant_routes and allowed_origins, hold the rows of active keys alone.

CREATE TABLE publishable_keys (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    allowed_origins TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key)
) STRICT;

CREATE TABLE allowed_origins (
    tenant_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    origin TEXT NOT NULL,
    PRIMARY KEY (tenant_id, key_id, origin),
    FOREIGN KEY (tenant_id, key_id) REFERENCES publishable_keys (tenant_id, id)
) STRICT;
CREATE INDEX allowed_origins_by_origin ON allowed_origins (origin, tenant_id);
