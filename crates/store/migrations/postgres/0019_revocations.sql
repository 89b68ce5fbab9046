-- What services must refuse that verify access tokens themselves: a row of the feed says it, where its event revokes something.
-- Rows from before this migration say nothing: nobody could follow revocations then.
ALTER TABLE feed ADD COLUMN revoked_kind TEXT;
ALTER TABLE feed ADD COLUMN revoked_id UUID;
ALTER TABLE feed ADD COLUMN revoked_at BIGINT;
-- Whoever follows reads these rows alone, many times a second where there are none.
CREATE INDEX feed_revocations ON feed (tenant_id, transaction_id, position) WHERE revoked_kind IS NOT NULL;
