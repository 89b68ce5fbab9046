//! The keys that a device leaves with the server, so that others can write to it while it is away (PQXDH, §3.2).

mod stored;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::address::DeviceId;
use crate::kem::{KemKeyPair, KemPublicKey};
use crate::keys::{IdentityKeyPair, KeyPair, PublicKey};
use crate::xeddsa::Signature;
pub use stored::StoredKeyError;

/// The highest id of a pre-key: 24 bits.
pub const PRE_KEY_ID_MAX: u32 = 0x00ff_ffff;

/// A pre-key for one session.
#[derive(Debug, Clone)]
pub struct PreKey {
    /// Its id, at most [`PRE_KEY_ID_MAX`].
    pub id: u32,
    /// The pair.
    pub pair: KeyPair,
}

impl PreKey {
    /// A new pre-key.
    pub fn generate(id: u32, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let pair = KeyPair::generate(rng);
        Self { id, pair }
    }

    /// The form to keep, with the secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        stored::encode_pair(self.id, &self.pair, None)
    }

    /// Reads what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`StoredKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredKeyError> {
        let (id, pair, _) = stored::decode_pair(bytes)?;
        Ok(Self { id, pair })
    }
}

/// A pre-key that serves many sessions for a while, signed by the identity.
#[derive(Debug, Clone)]
pub struct SignedPreKey {
    /// Its id, at most [`PRE_KEY_ID_MAX`].
    pub id: u32,
    /// The pair.
    pub pair: KeyPair,
    /// Of the identity over the 33 bytes of the public half.
    pub signature: Signature,
}

impl SignedPreKey {
    /// A new pre-key, signed.
    pub fn generate(
        id: u32,
        identity: &IdentityKeyPair,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        let pair = KeyPair::generate(rng);
        let signature = identity.sign(pair.public().as_bytes(), rng);
        Self {
            id,
            pair,
            signature,
        }
    }

    /// The form to keep, with the secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        stored::encode_pair(self.id, &self.pair, Some(&self.signature))
    }

    /// Reads what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`StoredKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredKeyError> {
        let (id, pair, signature) = stored::decode_pair(bytes)?;
        Ok(Self {
            id,
            pair,
            signature: signature.ok_or(StoredKeyError)?,
        })
    }
}

/// A pre-key of the KEM, signed by the identity: for one session, or as the last resort for many.
#[derive(Debug, Clone)]
pub struct KemPreKey {
    /// Its id, at most [`PRE_KEY_ID_MAX`].
    pub id: u32,
    /// The pair.
    pub pair: KemKeyPair,
    /// Of the identity over the 1569 bytes of the public half.
    pub signature: Signature,
    /// Whether it stays after a session was set up with it.
    pub is_last_resort: bool,
}

impl KemPreKey {
    /// A new pre-key, signed, for one session.
    pub fn generate(
        id: u32,
        identity: &IdentityKeyPair,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        let pair = KemKeyPair::generate(rng);
        let signature = identity.sign(pair.public().as_bytes(), rng);
        Self {
            id,
            pair,
            signature,
            is_last_resort: false,
        }
    }

    /// The same key, to stay after a session was set up with it.
    #[must_use]
    pub fn as_last_resort(self) -> Self {
        Self {
            is_last_resort: true,
            ..self
        }
    }

    /// The form to keep, with the secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        stored::encode_kem(self)
    }

    /// Reads what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`StoredKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredKeyError> {
        stored::decode_kem(bytes)
    }
}

/// The public half of a [`SignedPreKey`], as others get it.
#[derive(Debug, Clone)]
pub struct SignedPreKeyPublic {
    /// Its id.
    pub id: u32,
    /// The key.
    pub key: PublicKey,
    /// Not checked yet; 64 bytes if it is one.
    pub signature: Vec<u8>,
}

/// The public half of a [`KemPreKey`], as others get it.
#[derive(Debug, Clone)]
pub struct KemPreKeyPublic {
    /// Its id.
    pub id: u32,
    /// The key.
    pub key: KemPublicKey,
    /// Not checked yet; 64 bytes if it is one.
    pub signature: Vec<u8>,
}

/// What is needed to write to a device for the first time. It comes from the server, so only its signatures count.
#[derive(Debug, Clone)]
pub struct PreKeyBundle {
    /// The device's registration id, 14 bits.
    pub registration_id: u32,
    /// The device's number.
    pub device_id: DeviceId,
    /// Who the device says it is.
    pub identity_key: PublicKey,
    /// A pre-key for this session alone, if the server had one left.
    pub pre_key: Option<(u32, PublicKey)>,
    /// The signed pre-key.
    pub signed_pre_key: SignedPreKeyPublic,
    /// The KEM's pre-key. Without one only [`crate::SessionKind::X3dh`] can be started.
    pub kem_pre_key: Option<KemPreKeyPublic>,
}

#[cfg(test)]
mod tests;
