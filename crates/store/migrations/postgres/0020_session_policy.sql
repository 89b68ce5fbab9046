-- When the user last proved in a session who they are; at its sign-in, where nothing is said.
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT;
