-- Requests that are done once: who asked for what with which key, and what was answered. Kept for a day.

CREATE TABLE idempotency_keys (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    body TEXT,
    secret_of BLOB,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, name)
) STRICT;
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (tenant_id, expires_at);
