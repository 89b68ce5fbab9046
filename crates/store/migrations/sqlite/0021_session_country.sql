-- From which country a session was opened, by the database of addresses that the operator gave; nothing without one.
ALTER TABLE sessions ADD COLUMN country TEXT;
