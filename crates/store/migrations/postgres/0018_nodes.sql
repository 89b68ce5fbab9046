-- The processes that serve this database. A node counts its beat on with each turn of reading the feed, and leaves the snapshot
-- that it read: it has forgotten what every transaction visible in that snapshot wants forgotten. Half of each page stays free,
-- so that the rows, which change all the time, are changed in place.
CREATE TABLE nodes (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    snapshot TEXT NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON nodes TO {system_role};

-- Until several nodes could serve one database, the one that did left its name here.
DELETE FROM instance_settings WHERE name = 'serving_server';
