-- When the user last proved who they are in a session: at its sign-in, where nothing is said. The country is ISO 3166-1 alpha-2.
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT;
ALTER TABLE sessions ADD COLUMN country TEXT;
