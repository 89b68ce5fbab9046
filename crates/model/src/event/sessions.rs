//! What is said of sessions.

use super::description::object;
use super::{Description, Removal, Target};
use crate::{EndReason, FamilyId, Session, TokenFamily, UserId};
use serde_json::json;

pub(super) fn opened(session: &Session, hash_upgraded: bool) -> Description {
    let mut description =
        Description::success("session.opened", Target::one("session", session.id))
            .version(session.version)
            .after(json!({
                "user_id": session.user_id,
                "expires_at": session.expires_at,
                "idle_seconds": session.idle_seconds,
            }));
    description.personal.after = object(json!({
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

pub(super) fn refreshed(session: &Session, family_id: FamilyId, generation: i64) -> Description {
    Description::success("session.refreshed", Target::one("session", session.id))
        .version(session.version)
        .detail("user_id", json!(session.user_id))
        .detail("family_id", json!(family_id))
        .detail("generation", json!(generation))
}

pub(super) fn token_reused(family: &TokenFamily, user_id: UserId, generation: i64) -> Description {
    let mut description = Description::refusal(
        "refresh_token.reused",
        Target::one("token_family", family.id),
    )
    .version(family.generation)
    .detail("user_id", json!(user_id))
    .detail("session_id", json!(family.session_id))
    .detail("generation", json!(generation));
    description.removal = Some(Removal::Session(family.session_id));
    description
}
