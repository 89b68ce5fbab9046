-- The processes that serve this database: on SQLite nobody writes here, since one at a time serves and its lock says so.
CREATE TABLE nodes (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    beat INTEGER NOT NULL,
    snapshot TEXT NOT NULL
) STRICT;
