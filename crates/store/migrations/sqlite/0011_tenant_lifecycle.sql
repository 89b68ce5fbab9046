-- Tenants that are suspended, about to be deleted, and being deleted.

-- `status_before` is what a tenant is again when its deletion is taken back.
ALTER TABLE tenants ADD COLUMN delete_after INTEGER;
ALTER TABLE tenants ADD COLUMN status_before TEXT;
