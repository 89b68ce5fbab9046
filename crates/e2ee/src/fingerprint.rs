//! Safety numbers: what two people compare, to know that nobody sits between them.
//!
//! Each side is a hash over the identity key and the account's id, iterated so that a second key with a similar number costs
//! much. There is no published specification; this follows what official clients show.

mod verification;

use core::fmt;

use prost::Message;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use crate::keys::PublicKey;
pub use verification::{IdentityChange, Trust, Verification};

/// The iterations of official clients: a sixth of a second of work per key on a phone of their time.
pub const ITERATIONS: u32 = 5200;

/// The version whose ids are the 16 bytes of accounts' UUIDs. In version 1 they were phone numbers as text.
pub const VERSION: u32 = 2;

const ITERATIONS_MIN: u32 = 2;
const ITERATIONS_MAX: u32 = 1_000_000;

/// What the scannable form holds of each side.
const SCANNED_BYTES: usize = 32;
/// Digits come in groups of five, each of five bytes.
const GROUP_BYTES: usize = 5;
const GROUPS: usize = 6;

/// One of the two sides.
#[derive(Debug, Clone, Copy)]
pub struct Party<'a> {
    /// The account: for version 2 its UUID's 16 bytes.
    pub id: &'a [u8],
    /// Its identity key.
    pub identity_key: &'a PublicKey,
}

/// The safety number of two accounts, as one of them sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    version: u32,
    local: Half,
    remote: Half,
}

/// Why there is no safety number, or no answer to a comparison. A number that differs is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// Not 2 to 1,000,000.
    #[error("the iterations of a safety number are 2 to 1000000")]
    Iterations,
    /// The scanned bytes are no safety number.
    #[error("what was scanned is no safety number")]
    Malformed,
    /// The other side shows another version: one of the two apps is to be updated.
    #[error("the other side shows version {theirs} of safety numbers, this one {ours}")]
    Version {
        /// What was scanned.
        theirs: u32,
        /// What it was compared with.
        ours: u32,
    },
}

/// SHA-512, iterated.
#[derive(Clone, PartialEq, Eq)]
struct Half([u8; 64]);

impl Fingerprint {
    /// The number of version 2 with 5200 iterations: what official clients show.
    #[must_use]
    pub fn new(local: Party<'_>, remote: Party<'_>) -> Self {
        Self {
            version: VERSION,
            local: Half::new(local, ITERATIONS),
            remote: Half::new(remote, ITERATIONS),
        }
    }

    /// Another version, or other iterations. The version says which ids are meant, and enters no hash.
    ///
    /// # Errors
    /// [`FingerprintError::Iterations`].
    pub fn with_iterations(
        version: u32,
        iterations: u32,
        local: Party<'_>,
        remote: Party<'_>,
    ) -> Result<Self, FingerprintError> {
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(FingerprintError::Iterations);
        }
        Ok(Self {
            version,
            local: Half::new(local, iterations),
            remote: Half::new(remote, iterations),
        })
    }

    /// 60 digits, the same on both sides: to be read out.
    #[must_use]
    pub fn display(&self) -> String {
        let (local, remote) = (self.local.digits(), self.remote.digits());
        match local <= remote {
            true => local + &remote,
            false => remote + &local,
        }
    }

    /// The bytes of a code to be scanned by the other side.
    #[must_use]
    pub fn scannable(&self) -> Vec<u8> {
        let scannable = Scannable {
            version: Some(self.version),
            local: Some(ScannableHalf::of(&self.local)),
            remote: Some(ScannableHalf::of(&self.remote)),
        };
        scannable.encode_to_vec()
    }

    /// Whether the code that was scanned from the other side's screen is of the same two keys.
    ///
    /// # Errors
    /// [`FingerprintError::Malformed`], and [`FingerprintError::Version`] which says nothing about the keys.
    pub fn matches(&self, scanned: &[u8]) -> Result<bool, FingerprintError> {
        let scanned = Scannable::decode(scanned).map_err(|_| FingerprintError::Malformed)?;
        let theirs = scanned.version.ok_or(FingerprintError::Malformed)?;
        if theirs != self.version {
            let ours = self.version;
            return Err(FingerprintError::Version { theirs, ours });
        }
        let of_us = ScannableHalf::read(scanned.remote)?;
        let of_them = ScannableHalf::read(scanned.local)?;
        let is_same = of_us.ct_eq(self.local.scanned()) & of_them.ct_eq(self.remote.scanned());
        Ok(is_same.into())
    }
}

impl Half {
    fn new(party: Party<'_>, iterations: u32) -> Self {
        let key = party.identity_key.as_bytes();
        let first = [&[0, 0], key.as_slice(), party.id].concat();
        let hash = |input: &[u8]| {
            Sha512::new()
                .chain_update(input)
                .chain_update(key)
                .finalize()
        };
        let rounds = 1..iterations;
        Self(rounds.fold(hash(&first), |last, _| hash(&last)).into())
    }

    /// 30 digits.
    fn digits(&self) -> String {
        let groups = self.0.chunks_exact(GROUP_BYTES).take(GROUPS);
        let number = |group: &[u8]| {
            let value = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
            group.iter().fold(0, value) % 100_000
        };
        groups
            .map(|group| format!("{:05}", number(group)))
            .collect()
    }

    fn scanned(&self) -> &[u8] {
        &self.0[..SCANNED_BYTES]
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.digits())
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Scannable {
    #[prost(uint32, optional, tag = "1")]
    version: Option<u32>,
    #[prost(message, optional, tag = "2")]
    local: Option<ScannableHalf>,
    #[prost(message, optional, tag = "3")]
    remote: Option<ScannableHalf>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScannableHalf {
    #[prost(bytes = "vec", optional, tag = "1")]
    content: Option<Vec<u8>>,
}

impl ScannableHalf {
    fn of(half: &Half) -> Self {
        Self {
            content: Some(half.scanned().to_vec()),
        }
    }

    fn read(half: Option<Self>) -> Result<Vec<u8>, FingerprintError> {
        half.and_then(|half| half.content)
            .ok_or(FingerprintError::Malformed)
    }
}

#[cfg(test)]
mod tests;
