-- Tenants that are suspended, about to be deleted, and being deleted.

-- `status_before` is what a tenant is again when its deletion is taken back.
ALTER TABLE tenants ADD COLUMN delete_after BIGINT;
ALTER TABLE tenants ADD COLUMN status_before TEXT;

-- The request role may delete no row of the log, not even of a tenant that goes. The system role may, of a tenant whose
-- deletion has begun and whose time of grace is over by the clock of this database; of every other tenant it can delete
-- nothing. To say which rows it means it must see their keys, and no more of them. (The feed it prunes anyway.)
CREATE POLICY system_sees_purged ON audit_events FOR SELECT TO {system_role} USING (EXISTS (
    SELECT FROM tenants t WHERE t.tenant_id = audit_events.tenant_id AND t.status = 'purging'
        AND t.delete_after <= (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint));
CREATE POLICY system_purges ON audit_events FOR DELETE TO {system_role} USING (EXISTS (
    SELECT FROM tenants t WHERE t.tenant_id = audit_events.tenant_id AND t.status = 'purging'
        AND t.delete_after <= (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint));
GRANT SELECT (tenant_id, id), DELETE ON audit_events TO {system_role};

-- The last row that a tenant's transactions write is not the tenant's own.
GRANT INSERT ON instance_events TO {app_role};
