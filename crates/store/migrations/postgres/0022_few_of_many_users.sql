-- The administrators of a tenant, and the users whose deletion is asked for, are few among many.
CREATE INDEX users_administrators ON users (tenant_id, id) WHERE role = 'administrator';
CREATE INDEX users_deleting ON users (tenant_id, deletes_at) WHERE status = 'deleting';
