//! What is said of sessions.

use super::description::object;
use super::{Description, Removal, Target};
use crate::{
    ConcurrentSessions, EndReason, FamilyId, Session, SessionId, TenantId, Timestamp, TokenAge,
    TokenFamily, TokenId, UserId,
};
use serde_json::json;

pub(super) fn opened(
    session: &Session,
    concurrent: ConcurrentSessions,
    hash_upgraded: bool,
) -> Description {
    let mut description =
        Description::success("session.opened", Target::one("session", session.id))
            .version(session.version)
            .after(json!({
                "user_id": session.user_id,
                "expires_at": session.expires_at,
                "idle_seconds": session.idle_seconds,
            }))
            .detail("concurrent_sessions", json!(concurrent.sessions))
            .detail("concurrent_addresses", json!(concurrent.other_addresses));
    description.personal.after = object(json!({
        "country": session.country,
        "device_name": session.device.name,
        "device_fingerprint": session.device.fingerprint,
    }));
    // The user's last sign-in is another now.
    description.removal = Some(Removal::User(session.user_id));
    match hash_upgraded {
        true => description.detail("password_hash_upgraded", json!(true)),
        false => description,
    }
}

pub(super) fn revoked(session: &Session, reason: EndReason) -> Description {
    let mut description =
        Description::success("session.revoked", Target::one("session", session.id))
            .version(session.version)
            .detail("reason", json!(reason))
            .detail("user_id", json!(session.user_id));
    description.removal = Some(Removal::Session(session.id));
    description
}

pub(super) fn token_revoked(
    token_id: TokenId,
    (session_id, user_id): (SessionId, UserId),
    expires_at: Timestamp,
) -> Description {
    let target = Target::one("access_token", token_id);
    let mut description = Description::success("access_token.revoked", target)
        .detail("session_id", json!(session_id))
        .detail("user_id", json!(user_id))
        .detail("expires_at", json!(expires_at));
    description.removal = Some(Removal::Token(token_id));
    description
}

pub(super) fn all_revoked(tenant_id: TenantId, epoch: i64) -> Description {
    let target = Target::one("tenant", tenant_id);
    let mut description =
        Description::success("session.all_revoked", target).detail("epoch", json!(epoch));
    description.removal = Some(Removal::Tenant(tenant_id));
    description
}

pub(super) fn refreshed(session: &Session, family_id: FamilyId, generation: i64) -> Description {
    Description::success("session.refreshed", Target::one("session", session.id))
        .version(session.version)
        .detail("user_id", json!(session.user_id))
        .detail("family_id", json!(family_id))
        .detail("generation", json!(generation))
}

pub(super) fn token_reused(family: &TokenFamily, user_id: UserId, age: TokenAge) -> Description {
    let mut description = Description::refusal(
        "refresh_token.reused",
        Target::one("token_family", family.id),
    )
    .version(family.generation)
    .detail("user_id", json!(user_id))
    .detail("session_id", json!(family.session_id))
    .detail("token", json!(age));
    description.removal = Some(Removal::Session(family.session_id));
    description
}
