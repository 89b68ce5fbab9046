//! What a device accepts, and when a session has served long enough.

/// How a session was set up, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionKind {
    /// X3DH, version 3: no protection against a quantum computer. Official clients after May 2025 refuse it.
    X3dh,
    /// PQXDH, version 4, without a post-quantum ratchet. Official clients after April 2026 refuse it.
    Pqxdh,
    /// PQXDH, version 4, with the post-quantum ratchet: what today's official clients speak.
    PqxdhWithRatchet,
}

/// What a device accepts and starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Sessions weaker than this are neither started nor accepted.
    pub minimum: SessionKind,
    /// What a session is started as where the bundle allows it.
    pub preferred: SessionKind,
    /// A session older than this is due to be replaced (`SESSION_KEY_LIFETIME_HOURS`).
    pub session_lifetime_hours: u32,
    /// A session with this many messages, both ways, is due to be replaced (`SESSION_ROTATION_THRESHOLD`).
    pub rotation_threshold_messages: u32,
}

impl Policy {
    /// Only sessions of this kind, with the default lifetimes.
    #[must_use]
    pub fn only(kind: SessionKind) -> Self {
        Self {
            minimum: kind,
            preferred: kind,
            session_lifetime_hours: 168,
            rotation_threshold_messages: 1000,
        }
    }
}

/// The strongest sessions only, a week and a thousand messages each.
impl Default for Policy {
    fn default() -> Self {
        Self::only(SessionKind::PqxdhWithRatchet)
    }
}

/// Why a fresh session is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The session is older than the policy's lifetime.
    Lifetime,
    /// The session has the policy's number of messages.
    Messages,
}
