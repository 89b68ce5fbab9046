-- The digests so far were of a kind by which a password in a request could be guessed: nothing of them is to
-- be left in the file either.
PRAGMA secure_delete = ON;
DELETE FROM idempotency_keys;

-- What was made, so that nothing of an answer about somebody outlives them. It stands in for `secret_of`, which nobody reads
-- any more.
ALTER TABLE idempotency_keys ADD COLUMN made BLOB;
CREATE INDEX idempotency_keys_by_made ON idempotency_keys (tenant_id, made);

-- Until when somebody may keep the key set by a longer time than the settings give now.
ALTER TABLE tenants ADD COLUMN key_set_kept_until INTEGER;
