-- What operators do to the instance as a whole. Appended to, and read.
-- `subject_tenant_id` refers to nothing on purpose, and is not named tenant_id: a row is no tenant's, and outlives the one
-- that it is about.

CREATE TABLE instance_events (
    id BLOB NOT NULL PRIMARY KEY,
    occurred_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    subject_tenant_id BLOB,
    details TEXT NOT NULL
) STRICT;
CREATE TRIGGER instance_events_stay BEFORE UPDATE ON instance_events
BEGIN SELECT RAISE(ABORT, 'instance_events is only appended to'); END;
CREATE TRIGGER instance_events_remain BEFORE DELETE ON instance_events
BEGIN SELECT RAISE(ABORT, 'instance_events is only appended to'); END;
