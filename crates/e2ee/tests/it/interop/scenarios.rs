//! What is played: each scenario begins with new identities and leaves its checks behind.

mod attacks;
mod bundles;
mod delivery;
pub(crate) mod downgrade;
pub(crate) mod groups;
mod identity;
pub(crate) mod limits;
mod post_quantum;
mod safety;
mod sessions;

use crate::interop::stage::Stage;

/// The error says why a scenario could not go on.
pub(crate) type Scenario = fn(&mut Stage) -> Result<(), String>;

pub(crate) const EVERY: [(&str, Scenario); 30] = [
    (
        "first messages with one-time key",
        sessions::with_one_time_key,
    ),
    (
        "first messages without one-time key",
        sessions::without_one_time_key,
    ),
    (
        "one-time key used twice",
        sessions::one_time_key_serves_once,
    ),
    ("conversation", sessions::conversation),
    ("lengths", sessions::lengths),
    ("form on the wire", sessions::form),
    ("reordering", delivery::reordering),
    (
        "first messages reordered",
        delivery::first_messages_reordered,
    ),
    ("replay", delivery::replay),
    ("gap of 1,000", delivery::gap),
    ("120 turns with loss", delivery::loss),
    ("post-quantum epochs", post_quantum::epochs),
    ("post-quantum bursts", post_quantum::bursts),
    ("kept keys", limits::kept_keys),
    ("tampering", attacks::tampering),
    (
        "tampering with a first message",
        attacks::tampering_with_first,
    ),
    ("garbage", attacks::garbage),
    ("wrong addresses", attacks::wrong_addresses),
    ("bad signatures", bundles::bad_signatures),
    ("weak keys", bundles::weak_keys),
    ("crossed set-up", identity::crossed),
    ("session reset", identity::reset),
    ("identity change", identity::change),
    ("group: join and talk", groups::join),
    ("group: order, replay, tampering", groups::order),
    ("group: gap and limits", groups::limits),
    ("group: leave and rotation", groups::rotation),
    ("safety numbers", safety::fingerprints),
    ("signatures", safety::signatures),
    ("retry requests", safety::decryption_errors),
];
