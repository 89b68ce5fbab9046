//! Revocations as services hear of them that verify access tokens themselves.

use crate::{Id, SessionId, SigningKeyId, TenantId, Timestamp, TokenId, UserId};
use uuid::Uuid;

/// What counts no more, by what a verifier finds in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// Every token of a session (`sid`).
    Session(SessionId),
    /// One token (`jti`).
    Token(TokenId),
    /// Every token of a user (`sub`) that was issued until then.
    User(UserId),
    /// Every token of the tenant that was issued until then.
    Tenant(TenantId),
    /// Every token that a key signed (`kid`).
    SigningKey(SigningKeyId),
}

/// Something that a verifier must refuse from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub revoked: Revoked,
    /// When it was revoked.
    pub at: Timestamp,
}

impl Revoked {
    /// Its two columns: the kind and the id.
    pub fn columns(self) -> (&'static str, Uuid) {
        match self {
            Self::Session(id) => ("session", id.uuid()),
            Self::Token(id) => ("token", id.uuid()),
            Self::User(id) => ("user", id.uuid()),
            Self::Tenant(id) => ("tenant", id.uuid()),
            Self::SigningKey(id) => ("signing_key", id.uuid()),
        }
    }

    /// Reads the two columns back; none of a kind that this version does not know.
    pub fn from_columns(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "session" => Some(Self::Session(Id::from_uuid(id))),
            "token" => Some(Self::Token(Id::from_uuid(id))),
            "user" => Some(Self::User(Id::from_uuid(id))),
            "tenant" => Some(Self::Tenant(Id::from_uuid(id))),
            "signing_key" => Some(Self::SigningKey(Id::from_uuid(id))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Revoked;
    use crate::Id;
    use uuid::Uuid;

    #[test]
    fn the_columns_are_read_back() {
        let id = Uuid::from_u128(7);
        for revoked in [
            Revoked::Session(Id::from_uuid(id)),
            Revoked::Token(Id::from_uuid(id)),
            Revoked::User(Id::from_uuid(id)),
            Revoked::Tenant(Id::from_uuid(id)),
            Revoked::SigningKey(Id::from_uuid(id)),
        ] {
            let (kind, id) = revoked.columns();
            assert_eq!(Revoked::from_columns(kind, id), Some(revoked));
        }
        assert_eq!(Revoked::from_columns("client", id), None);
    }
}
