//! All SQL: tenant-scoped transactions on SQLite and PostgreSQL
