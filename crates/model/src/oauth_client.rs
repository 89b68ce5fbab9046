//! OAuth clients: programs of a tenant that ask Keyward about tokens in their own name, and prove who they are.

use crate::{ClientId, Digest, DisplayName, SigningAlgorithm, Timestamp};
use serde::{Deserialize, Serialize};

/// The `client_id` of tokens that a user gets by signing in at Keyward itself.
pub const FIRST_PARTY_CLIENT_ID: &str = "first-party";
/// How many clients a tenant may have, active or not.
pub const OAUTH_CLIENTS_MAX: i64 = 100;
/// How many keys a client may have at once: two of each algorithm are enough to change them without a gap.
pub const CLIENT_KEYS_MAX: usize = 4;

/// A client with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// Its `client_id`.
    pub id: ClientId,
    /// By which administrators know it.
    pub name: DisplayName,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// What it may do with tokens that were not issued to it.
    pub rights: ClientRights,
    /// Whether it may do anything.
    pub status: ClientStatus,
    /// What it proves itself by with a secret; none of one that signs.
    pub secrets: ClientSecrets,
    /// What it proves itself by with a signature; none of one that has a secret.
    pub keys: Vec<ClientKey>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts its changes.
    pub version: i64,
}

/// How a client proves who it is (RFC 6749 §2.3, RFC 7523 §2.2), by the names of IANA's registry of
/// `token_endpoint_auth_method`. There is no `none`: nobody asks about tokens without proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// A secret, in `Authorization: Basic`.
    ClientSecretBasic,
    /// A secret, in the body.
    ClientSecretPost,
    /// A signed assertion, good for once.
    PrivateKeyJwt,
}

/// Whether a client may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    /// It may do what its rights say.
    Active,
    /// It is refused.
    Disabled,
}

/// Something that a client may do with tokens that were not issued to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientRight {
    /// Ask whether an access token is good.
    Introspect,
    /// Ask the same of a refresh token. Apart, so that a service which asks about whatever it was shown never hears of a
    /// refresh token that it is good.
    IntrospectRefreshTokens,
    /// Revoke a token.
    Revoke,
    /// Hear of every revocation of the tenant as it happens.
    FollowRevocations,
}

/// A set of rights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientRights(u8);

/// Digests of the secrets that count: one, and for the overlap of a rotation the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientSecrets {
    /// Of the newest.
    pub current: Option<Digest>,
    /// Of the one before, and until when it counts.
    pub previous: Option<(Digest, Timestamp)>,
}

/// A client's public key: a JSON Web Key (RFC 7517) of Ed25519 (RFC 8037) or P-256 (RFC 7518 §6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKey {
    /// By which its assertions name it, if it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm that it is for.
    pub alg: SigningAlgorithm,
    /// Base64url: the key, or its first coordinate.
    pub x: String,
    /// Base64url: the second coordinate, on P-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

impl ClientAuthentication {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
    ];

    /// The name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Whether it is by a secret that Keyward makes.
    pub fn has_secret(self) -> bool {
        match self {
            Self::ClientSecretBasic | Self::ClientSecretPost => true,
            Self::PrivateKeyJwt => false,
        }
    }
}

impl ClientRight {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Introspect,
        Self::IntrospectRefreshTokens,
        Self::Revoke,
        Self::FollowRevocations,
    ];

    fn bit(self) -> u8 {
        match self {
            Self::Introspect => 1,
            Self::IntrospectRefreshTokens => 2,
            Self::Revoke => 4,
            Self::FollowRevocations => 8,
        }
    }
}

impl ClientRights {
    /// Whether the right is among them.
    pub fn has(self, right: ClientRight) -> bool {
        self.0 & right.bit() != 0
    }

    /// Each of them, in their own order.
    pub fn list(self) -> Vec<ClientRight> {
        let all = ClientRight::ALL.into_iter();
        all.filter(|right| self.has(*right)).collect()
    }
}

impl FromIterator<ClientRight> for ClientRights {
    fn from_iter<I: IntoIterator<Item = ClientRight>>(rights: I) -> Self {
        let bits = rights.into_iter().map(ClientRight::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

impl ClientSecrets {
    /// Those that count at `now`.
    pub fn good_at(&self, now: Timestamp) -> impl Iterator<Item = &Digest> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        self.current
            .iter()
            .chain(previous.map(|(digest, _)| digest))
    }

    /// After a rotation: the newest becomes the one before, until `until`; the one before that ends at once.
    pub fn rotated(&self, to: Digest, until: Timestamp) -> Self {
        Self {
            current: Some(to),
            previous: self.current.map(|digest| (digest, until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientRight, ClientRights, ClientSecrets};
    use crate::{Digest, Timestamp};

    #[test]
    fn rights_are_a_set() {
        let none = ClientRights::default();
        assert!(ClientRight::ALL.iter().all(|right| !none.has(*right)));
        let two: ClientRights = [ClientRight::Revoke, ClientRight::Introspect]
            .into_iter()
            .collect();
        assert_eq!(two.list(), [ClientRight::Introspect, ClientRight::Revoke]);
        assert!(!two.has(ClientRight::IntrospectRefreshTokens));
    }

    #[test]
    fn two_secrets_count_at_once_for_an_overlap_and_never_three() {
        let at = Timestamp::from_micros;
        let digest = |byte| Digest([byte; 32]);
        let good = |secrets: &ClientSecrets, now| -> Vec<Digest> {
            secrets.good_at(at(now)).copied().collect()
        };
        let first = ClientSecrets {
            current: Some(digest(1)),
            previous: None,
        };
        let second = first.rotated(digest(2), at(10));
        assert_eq!(good(&second, 9), [digest(2), digest(1)]);
        assert_eq!(good(&second, 10), [digest(2)]);
        let third = second.rotated(digest(3), at(20));
        assert_eq!(good(&third, 9), [digest(3), digest(2)], "the first is over");
        assert!(good(&ClientSecrets::default(), 0).is_empty());
    }
}
