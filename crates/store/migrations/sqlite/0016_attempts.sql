-- Attempts at credentials, by what they are counted by: an HMAC, so that nobody is named here. `expires_at` is null while an
-- account is closed, which only an administrator ends.

CREATE TABLE attempt_counts (
    tenant_id BLOB NOT NULL REFERENCES tenants (tenant_id),
    digest BLOB NOT NULL,
    moments BLOB NOT NULL,
    failures INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (tenant_id, digest)
) STRICT;
CREATE INDEX attempt_counts_by_end ON attempt_counts (tenant_id, expires_at);

-- Devices on which a user has signed in, known by the digest of a token.

CREATE TABLE known_devices (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    password_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, digest),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;
CREATE INDEX known_devices_by_user ON known_devices (tenant_id, user_id, last_used_at);
CREATE INDEX known_devices_by_end ON known_devices (tenant_id, expires_at);
