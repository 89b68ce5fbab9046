-- The digests so far were of a kind by which a password in a request could be guessed: nothing of them is to
-- be left in the file either.
PRAGMA secure_delete = ON;
DELETE FROM idempotency_keys;
