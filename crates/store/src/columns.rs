//! The column lists that several statements share, each once. A row is read by position, so their order is part of them.

/// The columns of a user, each behind `$prefix` (`""`, or an alias with its dot).
macro_rules! user_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "id, ",
            $prefix,
            "email, ",
            $prefix,
            "name, ",
            $prefix,
            "role, ",
            $prefix,
            "status, ",
            $prefix,
            "created_at, ",
            $prefix,
            "last_sign_in_at, ",
            $prefix,
            "last_sign_in_address, ",
            $prefix,
            "deletes_at, ",
            $prefix,
            "version"
        )
    };
}

/// The columns of a session, each behind `$prefix`.
macro_rules! session_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "id, ",
            $prefix,
            "user_id, ",
            $prefix,
            "created_at, ",
            $prefix,
            "last_active_at, ",
            $prefix,
            "expires_at, ",
            $prefix,
            "idle_seconds, ",
            $prefix,
            "address, ",
            $prefix,
            "user_agent, ",
            $prefix,
            "device_name, ",
            $prefix,
            "device_fingerprint, ",
            $prefix,
            "device_priority, ",
            $prefix,
            "ended_at, ",
            $prefix,
            "end_reason, ",
            $prefix,
            "version"
        )
    };
}

/// The columns of a job that its tenant and the system role see alike.
macro_rules! job_columns {
    () => {
        "tenant_id, id, kind, state, run_at, attempts, attempts_max, claim, claimed_by, lease_until, progress_done, \
         progress_total, cancel_requested, created_at, finished_at, version"
    };
}

/// The columns of a tenant.
macro_rules! tenant_columns {
    () => {
        "tenant_id, slug, issuer, status, settings, created_at, delete_after, version"
    };
}

/// The columns of a signing key.
macro_rules! signing_key_columns {
    () => {
        "id, algorithm, public_key, created_at, version, sealed_private_key, signs_from, \
         token_ttl_seconds, published_until, revoked_at"
    };
}

/// The columns of a family of refresh tokens, each behind `$prefix`.
macro_rules! family_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "id, ",
            $prefix,
            "session_id, ",
            $prefix,
            "client_id, ",
            $prefix,
            "digest, ",
            $prefix,
            "generation, ",
            $prefix,
            "issued_at, ",
            $prefix,
            "rotated_at, ",
            $prefix,
            "expires_at, ",
            $prefix,
            "revoked_at, ",
            $prefix,
            "revoke_reason"
        )
    };
}

pub(crate) use family_columns;
pub(crate) use job_columns;
/// The columns of a publishable key.
macro_rules! publishable_key_columns {
    () => {
        "id, key, name, status, allowed_origins, created_at, version"
    };
}

pub(crate) use publishable_key_columns;
pub(crate) use session_columns;
pub(crate) use signing_key_columns;
pub(crate) use tenant_columns;
pub(crate) use user_columns;
