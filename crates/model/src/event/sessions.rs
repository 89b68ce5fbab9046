//! What is said of sessions.

use super::description::object;
use super::{Description, Removal, Target};
use crate::{EndReason, Session};
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
