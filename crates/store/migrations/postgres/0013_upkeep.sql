-- What upkeep looks for: jobs that were given up, among many that were done.

CREATE INDEX jobs_dead ON jobs (finished_at) WHERE state = 'dead';

-- Which tenants have kept answers to delete: the system role sees that, and of an answer no more.
CREATE POLICY system_scans ON idempotency_keys FOR SELECT TO {system_role} USING (true);
GRANT SELECT (tenant_id, expires_at) ON idempotency_keys TO {system_role};
