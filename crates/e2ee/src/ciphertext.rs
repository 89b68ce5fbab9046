//! A message on its way, with the type that the relay carries beside it.

/// What kind of message the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CiphertextKind {
    /// Of a session that both sides have: type 2.
    Session,
    /// With what its receiver needs to set the session up: type 3.
    PreKey,
}

impl CiphertextKind {
    /// The number that the relay carries.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Session => 2,
            Self::PreKey => 3,
        }
    }

    /// The kind of a number, if it is one of sessions.
    #[must_use]
    pub fn of_number(number: u64) -> Option<Self> {
        match number {
            2 => Some(Self::Session),
            3 => Some(Self::PreKey),
            _ => None,
        }
    }
}

/// A sealed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ciphertext {
    /// What the bytes are.
    pub kind: CiphertextKind,
    /// The message as it travels.
    pub body: Vec<u8>,
}

impl Ciphertext {
    pub(crate) fn session(body: Vec<u8>) -> Self {
        let kind = CiphertextKind::Session;
        Self { kind, body }
    }

    pub(crate) fn pre_key(body: Vec<u8>) -> Self {
        let kind = CiphertextKind::PreKey;
        Self { kind, body }
    }
}

#[cfg(test)]
mod tests {
    use super::CiphertextKind;

    #[test]
    fn kinds_have_the_numbers_of_the_relay() {
        for (kind, number) in [(CiphertextKind::Session, 2), (CiphertextKind::PreKey, 3)] {
            assert_eq!(kind.number(), number);
            assert_eq!(CiphertextKind::of_number(number.into()), Some(kind));
        }
        for other in [0, 1, 4, 0x1_0000_0002] {
            assert_eq!(CiphertextKind::of_number(other), None);
        }
    }
}
