//! The devices of an account, signed by the account's identity key: a server that hands out device lists cannot add a device
//! unseen.
//!
//! The account's devices share the identity key, so any of them writes the next version when a device comes or goes. A peer pins
//! the identity key (a safety number verifies it), takes the first list on trust of that key, and from then on never an older
//! one. What a server can do is hold a newer list back: [`DeviceList::is_stale`] bounds for how long, as every list says when it was
//! signed; sign it anew from time to time.

use std::collections::BTreeMap;

use prost::Message;
use rand_core::CryptoRng;

use crate::address::{Address, DeviceId};
use crate::keys::{IdentityKeyPair, PublicKey};
use crate::signed::{DocumentDigest, Signed, SignedError, sign};

const DOMAIN: &[u8] = b"Keyward device list v1:";
const STORED_VERSION: u32 = 1;

/// Registration ids have 14 bits.
const REGISTRATION_ID_MAX: u32 = 0x3fff;

/// The most bytes of an account's name.
const NAME_BYTES_MAX: usize = 256;

/// A list that was verified, the newest that is known of its account. Load, act, store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceList {
    account: String,
    identity_key: PublicKey,
    version: u64,
    signed_at_seconds: u64,
    /// Registration id by device.
    devices: BTreeMap<DeviceId, u32>,
    digest: DocumentDigest,
    signed: Vec<u8>,
}

/// What a new list changed, for the app to show: no device comes unseen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceListChange {
    /// Devices that were not there: open a session, give the sender keys.
    pub added: Vec<DeviceId>,
    /// Devices that are gone: drop their sessions, rotate the sender keys.
    pub removed: Vec<DeviceId>,
    /// Devices that were set up anew under their number: drop their sessions.
    pub registered_anew: Vec<DeviceId>,
}

/// Why a list is refused. What was known is then still what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceListError {
    /// No list, or one that breaks a rule.
    #[error("the device list is malformed")]
    Malformed,
    /// The list of another account.
    #[error("the device list belongs to another account")]
    OtherAccount,
    /// The account's identity key did not sign it.
    #[error("the account's identity key has not signed the device list")]
    Signature,
    /// An older version than the one that is known.
    #[error("the device list is older than the one that is known")]
    Rollback,
    /// The same version with other devices: the account signed two lists, or its key is in other hands. Never to be passed
    /// over in silence.
    #[error("the device list contradicts the one that is known")]
    Fork,
    /// What was stored is not what was written.
    #[error("the stored device list cannot be read")]
    Stored,
}

impl From<SignedError> for DeviceListError {
    fn from(error: SignedError) -> Self {
        match error {
            SignedError::Malformed => Self::Malformed,
            SignedError::Signature => Self::Signature,
        }
    }
}

impl DeviceList {
    /// One's own first list. `devices` are registration ids (14 bits) by device.
    ///
    /// # Errors
    /// [`DeviceListError::Malformed`] when there is no device, or a registration id is too big.
    pub fn sign_first(
        account: &str,
        devices: &BTreeMap<DeviceId, u32>,
        identity: &IdentityKeyPair,
        now_seconds: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, DeviceListError> {
        let fields = Fields::new(account, 1, now_seconds, devices);
        let signed = sign(DOMAIN, &fields, identity, rng);
        Self::verify(account, &signed, identity.public())
    }

    /// One's own next list, also with the same devices: to say that it still holds.
    ///
    /// # Errors
    /// As for [`DeviceList::sign_first`]; [`DeviceListError::Signature`] when it is not one's own.
    pub fn sign_next(
        &self,
        devices: &BTreeMap<DeviceId, u32>,
        identity: &IdentityKeyPair,
        now_seconds: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, DeviceListError> {
        let version = self.version.checked_add(1);
        let version = version.ok_or(DeviceListError::Malformed)?;
        let fields = Fields::new(&self.account, version, now_seconds, devices);
        let mut next = self.clone();
        next.advance(&sign(DOMAIN, &fields, identity, rng))?;
        Ok(next)
    }

    /// The first list that is seen of an account. `identity_key` is the one that the account's sessions have.
    ///
    /// # Errors
    /// [`DeviceListError`].
    pub fn verify(
        account: &str,
        signed: &[u8],
        identity_key: &PublicKey,
    ) -> Result<Self, DeviceListError> {
        let document = Signed::from_bytes(signed)?;
        let fields: Fields = document.verify(DOMAIN, identity_key)?;
        if fields.account != account {
            return Err(DeviceListError::OtherAccount);
        }
        Ok(Self {
            devices: fields.devices()?,
            account: fields.account,
            identity_key: *identity_key,
            version: fields.version,
            signed_at_seconds: fields.signed_at_seconds,
            digest: document.digest(),
            signed: document.to_bytes(),
        })
    }

    /// Takes a newer list; the same one again changes nothing. Versions between may be missing. (An account whose identity key
    /// changed begins anew with [`DeviceList::verify`], once the new key is accepted.)
    ///
    /// # Errors
    /// [`DeviceListError`]; the list is then unchanged.
    pub fn advance(&mut self, signed: &[u8]) -> Result<DeviceListChange, DeviceListError> {
        let newer = Self::verify(&self.account, signed, &self.identity_key)?;
        if newer.version < self.version {
            return Err(DeviceListError::Rollback);
        }
        if newer.version == self.version {
            return match newer.digest == self.digest {
                true => Ok(DeviceListChange::default()),
                false => Err(DeviceListError::Fork),
            };
        }
        let change = DeviceListChange::between(&self.devices, &newer.devices);
        *self = newer;
        Ok(change)
    }

    /// The account's name.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The version, from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Registration id by device.
    #[must_use]
    pub fn devices(&self) -> &BTreeMap<DeviceId, u32> {
        &self.devices
    }

    /// The devices as addresses: where messages and sender keys go.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        let devices = self.devices.keys();
        devices.map(|device| Address::new(&self.account, *device))
    }

    /// Whether it was signed longer ago than `age_seconds_max`: a server may be holding a newer one back.
    #[must_use]
    pub fn is_stale(&self, age_seconds_max: u64, now_seconds: u64) -> bool {
        now_seconds.saturating_sub(self.signed_at_seconds) > age_seconds_max
    }

    /// The list as it travels.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The bytes to store: no secret, but whoever can change them can bring an old list back.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = StoredDeviceList {
            version: STORED_VERSION,
            identity_key: self.identity_key.as_bytes().to_vec(),
            signed: self.signed.clone(),
        };
        stored.encode_to_vec()
    }

    /// Reads what [`DeviceList::to_bytes`] wrote, and checks its signature again.
    ///
    /// # Errors
    /// [`DeviceListError::Stored`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DeviceListError> {
        Self::read_stored(bytes).ok_or(DeviceListError::Stored)
    }

    fn read_stored(bytes: &[u8]) -> Option<Self> {
        let stored = StoredDeviceList::decode(bytes).ok()?;
        if stored.version != STORED_VERSION {
            return None;
        }
        let fields: Fields = Signed::from_bytes(&stored.signed).ok()?.peek().ok()?;
        let identity_key = PublicKey::from_bytes(&stored.identity_key).ok()?;
        Self::verify(&fields.account, &stored.signed, &identity_key).ok()
    }
}

impl DeviceListChange {
    fn between(before: &BTreeMap<DeviceId, u32>, after: &BTreeMap<DeviceId, u32>) -> Self {
        let missing_in = |from: &BTreeMap<DeviceId, u32>, other: &BTreeMap<DeviceId, u32>| {
            let devices = from.keys().filter(|device| !other.contains_key(device));
            devices.copied().collect()
        };
        let is_anew =
            |(device, id): &(&DeviceId, &u32)| before.get(device).is_some_and(|known| known != *id);
        Self {
            added: missing_in(after, before),
            removed: missing_in(before, after),
            registered_anew: after
                .iter()
                .filter(is_anew)
                .map(|(device, _)| *device)
                .collect(),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredDeviceList {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    identity_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signed: Vec<u8>,
}

/// The document.
#[derive(Clone, PartialEq, prost::Message)]
struct Fields {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(uint64, tag = "3")]
    signed_at_seconds: u64,
    /// By ascending id.
    #[prost(message, repeated, tag = "4")]
    devices: Vec<DeviceFields>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DeviceFields {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(uint32, tag = "2")]
    registration_id: u32,
}

impl Fields {
    fn new(
        account: &str,
        version: u64,
        now_seconds: u64,
        devices: &BTreeMap<DeviceId, u32>,
    ) -> Self {
        let devices = devices.iter().map(|(id, registration_id)| DeviceFields {
            id: id.get().into(),
            registration_id: *registration_id,
        });
        Self {
            account: account.to_owned(),
            version,
            signed_at_seconds: now_seconds,
            devices: devices.collect(),
        }
    }

    /// The devices, when the document keeps the rules: a version from 1, a name, at least one device, each once and in order.
    fn devices(&self) -> Result<BTreeMap<DeviceId, u32>, DeviceListError> {
        let is_named = (1..=NAME_BYTES_MAX).contains(&self.account.len());
        let is_sorted = self.devices.is_sorted_by(|left, right| left.id < right.id);
        if self.version == 0 || !is_named || !is_sorted || self.devices.is_empty() {
            return Err(DeviceListError::Malformed);
        }
        let devices = self.devices.iter().map(DeviceFields::read);
        devices
            .collect::<Option<_>>()
            .ok_or(DeviceListError::Malformed)
    }
}

impl DeviceFields {
    fn read(&self) -> Option<(DeviceId, u32)> {
        let id = DeviceId::new(self.id).ok()?;
        (self.registration_id <= REGISTRATION_ID_MAX).then_some((id, self.registration_id))
    }
}

#[cfg(test)]
mod tests;
