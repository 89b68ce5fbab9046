//! What a person said about a peer's identity key, and what became of it.

use prost::Message;

use crate::keys::PublicKey;

use super::FingerprintError;

const STORED_VERSION: u32 = 1;

/// What is known of a peer's identity key. Load, act, store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    key: PublicKey,
    since_seconds: u64,
    verified_at_seconds: Option<u64>,
    /// A key before this one was verified, and this one is not.
    was_verified: bool,
}

/// How far a peer's key is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The first key that was seen, or one after it that nobody ever verified.
    Unverified,
    /// A person compared the safety number.
    Verified,
    /// A person had compared the number of an earlier key. An app should ask before it sends anything.
    VerificationLost,
}

/// A peer's key changed: to be shown in the conversation, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityChange {
    /// The key until now.
    pub before: PublicKey,
    /// The key from now on.
    pub now: PublicKey,
    /// Whether a person had verified the key until now.
    pub was_verified: bool,
}

impl Verification {
    /// The first key that is seen of a peer.
    #[must_use]
    pub fn first_seen(key: PublicKey, now_seconds: u64) -> Self {
        Self {
            key,
            since_seconds: now_seconds,
            verified_at_seconds: None,
            was_verified: false,
        }
    }

    /// Notes the key that the peer has now; the event when it is another one.
    pub fn observe(&mut self, key: &PublicKey, now_seconds: u64) -> Option<IdentityChange> {
        if *key == self.key {
            return None;
        }
        let change = IdentityChange {
            before: self.key,
            now: *key,
            was_verified: self.verified_at_seconds.is_some(),
        };
        self.was_verified |= change.was_verified;
        self.key = *key;
        self.since_seconds = now_seconds;
        self.verified_at_seconds = None;
        Some(change)
    }

    /// A person compared the safety number with this key. False when the peer has another key by now, and nothing is noted.
    pub fn verify(&mut self, compared: &PublicKey, now_seconds: u64) -> bool {
        if *compared != self.key {
            return false;
        }
        self.verified_at_seconds = Some(now_seconds);
        self.was_verified = false;
        true
    }

    /// A person takes it back, or goes on with a changed key without comparing.
    pub fn unverify(&mut self) {
        self.verified_at_seconds = None;
        self.was_verified = false;
    }

    /// How far the key is trusted.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match (self.verified_at_seconds, self.was_verified) {
            (Some(_), _) => Trust::Verified,
            (None, true) => Trust::VerificationLost,
            (None, false) => Trust::Unverified,
        }
    }

    /// The peer's key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Since when the peer has it, in seconds of the Unix epoch.
    #[must_use]
    pub fn since_seconds(&self) -> u64 {
        self.since_seconds
    }

    /// When a person verified it.
    #[must_use]
    pub fn verified_at_seconds(&self) -> Option<u64> {
        self.verified_at_seconds
    }

    /// The bytes to store: no secret, but whoever can change them can vouch for a key.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = StoredVerification {
            version: STORED_VERSION,
            key: self.key.as_bytes().to_vec(),
            since_seconds: self.since_seconds,
            verified_at_seconds: self.verified_at_seconds,
            was_verified: self.was_verified,
        };
        stored.encode_to_vec()
    }

    /// Reads what [`Verification::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FingerprintError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FingerprintError> {
        let stored = StoredVerification::decode(bytes).map_err(|_| FingerprintError::Malformed)?;
        if stored.version != STORED_VERSION {
            return Err(FingerprintError::Malformed);
        }
        Ok(Self {
            key: PublicKey::from_bytes(&stored.key).map_err(|_| FingerprintError::Malformed)?,
            since_seconds: stored.since_seconds,
            verified_at_seconds: stored.verified_at_seconds,
            was_verified: stored.was_verified,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredVerification {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(uint64, tag = "3")]
    since_seconds: u64,
    #[prost(uint64, optional, tag = "4")]
    verified_at_seconds: Option<u64>,
    #[prost(bool, tag = "5")]
    was_verified: bool,
}
