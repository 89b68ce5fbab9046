-- What administrators search users by, and the deletion of users with a time of grace.

ALTER TABLE users ADD COLUMN name_folded TEXT;
ALTER TABLE users ADD COLUMN deletes_at INTEGER;
ALTER TABLE users ADD COLUMN status_before_deletion TEXT;
