-- Where each durable reader of the feed is: all before it was delivered at least once.
CREATE TABLE feed_cursors (
    reader TEXT NOT NULL PRIMARY KEY,
    transaction_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
