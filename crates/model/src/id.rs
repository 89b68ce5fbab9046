//! Ids: UUIDv7, typed by what they name, so that a user's id cannot stand where a session's is asked for.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use uuid::Uuid;

/// The id of a `K`.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// Names a tenant.
pub type TenantId = Id<crate::Tenant>;
/// Names a user within a tenant.
pub type UserId = Id<crate::User>;
/// Names a session within a tenant.
pub type SessionId = Id<crate::Session>;
/// Names a signing key; in text form it is the key's `kid`.
pub type SigningKeyId = Id<crate::SigningKey>;
/// Names a publishable key.
pub type PublishableKeyId = Id<crate::PublishableKey>;
/// Names the key that a tenant's data is sealed under.
pub type TenantKeyId = Id<crate::SealedTenantKey>;
/// Names a known device of a user.
pub type KnownDeviceId = Id<crate::KnownDevice>;
/// Names an OAuth client; in text form it is the `client_id`.
pub type ClientId = Id<crate::OAuthClient>;
/// Names a job.
pub type JobId = Id<crate::Job>;
/// Names an event.
pub type EventId = Id<crate::Event>;
/// Names an issued token (`jti`).
pub type TokenId = Id<crate::AccessTokenSecret>;
/// Names a family of refresh tokens.
pub type FamilyId = Id<crate::TokenFamily>;
/// Names a process that serves; another one each time it starts.
pub type NodeId = Id<crate::Node>;
/// Names one request, from log line to audit record.
pub type RequestId = Id<crate::Client>;

impl<K> Id<K> {
    /// Types a UUID that is known to name a `K`.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            kind: PhantomData,
        }
    }

    /// The bare UUID.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, formatter)
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, formatter)
    }
}
impl<K> FromStr for Id<K> {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self::from_uuid)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.uuid.serialize(serializer)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}
