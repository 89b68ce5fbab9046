-- What operators do to the instance as a whole. Appended to, and read; nobody but the owner of the table can change a row.
-- `subject_tenant_id` refers to nothing on purpose, and is not named tenant_id: a row is no tenant's, and outlives the one
-- that it is about.

CREATE TABLE instance_events (
    id UUID NOT NULL PRIMARY KEY,
    occurred_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    subject_tenant_id UUID,
    details TEXT NOT NULL
);
GRANT SELECT, INSERT ON instance_events TO {system_role};
