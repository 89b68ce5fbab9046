-- What administrators search users by, and the deletion of users with a time of grace.

ALTER TABLE users ADD COLUMN name_folded TEXT;
ALTER TABLE users ADD COLUMN deletes_at BIGINT;
ALTER TABLE users ADD COLUMN status_before_deletion TEXT;
-- In the order of bytes, as on SQLite: so the index on it finds all addresses that begin alike.
ALTER TABLE users ALTER COLUMN email_canonical TYPE TEXT COLLATE "C";
