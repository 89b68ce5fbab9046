//! What is said of attempts at credentials.

use super::{Description, Target};
use crate::{EmailAddress, KnownDeviceId, UserId};
use serde_json::json;

pub(super) fn locked(user_id: Option<UserId>, email: &EmailAddress, failures: i64) -> Description {
    let target = Target {
        kind: "user",
        id: user_id.map(UserId::uuid),
    };
    Description::success("user.locked", target)
        .detail("failures", json!(failures))
        .personal_detail("email", json!(email))
}

pub(super) fn unlocked(user_id: UserId, failures: i64) -> Description {
    Description::success("user.unlocked", Target::one("user", user_id))
        .detail("failures", json!(failures))
}

pub(super) fn device_forgotten(
    user_id: UserId,
    device_id: KnownDeviceId,
    failures: i64,
) -> Description {
    Description::success(
        "known_device.forgotten",
        Target::one("known_device", device_id),
    )
    .detail("user_id", json!(user_id))
    .detail("failures", json!(failures))
}
