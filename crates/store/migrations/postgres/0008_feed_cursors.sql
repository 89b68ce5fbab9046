-- Where each durable reader of the feed is: all before it was delivered at least once.
CREATE TABLE feed_cursors (
    reader TEXT NOT NULL PRIMARY KEY,
    transaction_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_cursors TO {system_role};

-- The system role deletes what every reader has had. It makes and changes nothing in the feed.
CREATE POLICY system_prunes ON feed FOR DELETE TO {system_role} USING (true);
GRANT DELETE ON feed TO {system_role};
