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

/// The columns of a session, each behind `$prefix`. One that ended with all of its tenant shows that end, which stands in no
/// row of its own; the reason of one that has not ended is not looked at.
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
            "CASE WHEN ",
            $prefix,
            "ended_at IS NULL THEN (SELECT o.sessions_ended_at FROM tenants o WHERE o.tenant_id = $1 AND o.session_epoch <> ",
            $prefix,
            "epoch) ELSE ",
            $prefix,
            "ended_at END, CASE WHEN ",
            $prefix,
            "ended_at IS NULL THEN 'all_revoked' ELSE ",
            $prefix,
            "end_reason END, ",
            $prefix,
            "version, COALESCE(",
            $prefix,
            "authenticated_at, ",
            $prefix,
            "created_at), ",
            $prefix,
            "country"
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
            "selector_digest, ",
            $prefix,
            "generation, ",
            $prefix,
            "digest, ",
            $prefix,
            "previous_digest, ",
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

/// The columns of an OAuth client.
macro_rules! oauth_client_columns {
    () => {
        "id, name, authentication, rights, status, secret_digest, previous_secret_digest, \
         previous_secret_until, keys, created_at, version"
    };
}

pub(crate) use oauth_client_columns;
pub(crate) use publishable_key_columns;
pub(crate) use session_columns;
pub(crate) use signing_key_columns;
pub(crate) use tenant_columns;
pub(crate) use user_columns;
