//! How the secret halves of pre-keys are kept.

use prost::Message;
use zeroize::Zeroizing;

use super::KemPreKey;
use crate::kem::KemKeyPair;
use crate::keys::{KeyPair, PrivateKey, PublicKey};
use crate::secret::wipe_vec;
use crate::xeddsa::Signature;

/// The form's version.
const FORM: u32 = 1;

/// Bytes that no pre-key of this form was kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored pre-key cannot be read")]
pub struct StoredKeyError;

#[derive(Clone, PartialEq, prost::Message)]
struct StoredPreKey {
    #[prost(uint32, tag = "1")]
    form: u32,
    #[prost(uint32, tag = "2")]
    id: u32,
    #[prost(bytes = "vec", tag = "3")]
    secret: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    public: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    signature: Vec<u8>,
    #[prost(bool, tag = "6")]
    is_last_resort: bool,
}

impl StoredPreKey {
    fn decode_form(bytes: &[u8]) -> Result<Self, StoredKeyError> {
        let stored = Self::decode(bytes).map_err(|_| StoredKeyError)?;
        (stored.form == FORM)
            .then_some(stored)
            .ok_or(StoredKeyError)
    }

    fn into_bytes(mut self) -> Zeroizing<Vec<u8>> {
        let bytes = Zeroizing::new(self.encode_to_vec());
        wipe_vec(&mut self.secret);
        bytes
    }

    fn signature(&self) -> Option<Signature> {
        self.signature.as_slice().try_into().ok()
    }
}

pub(super) fn encode_pair(
    id: u32,
    pair: &KeyPair,
    signature: Option<&Signature>,
) -> Zeroizing<Vec<u8>> {
    let stored = StoredPreKey {
        form: FORM,
        id,
        secret: pair.private().expose().to_vec(),
        public: pair.public().as_bytes().to_vec(),
        signature: signature.map(|bytes| bytes.to_vec()).unwrap_or_default(),
        is_last_resort: false,
    };
    stored.into_bytes()
}

pub(super) fn decode_pair(
    bytes: &[u8],
) -> Result<(u32, KeyPair, Option<Signature>), StoredKeyError> {
    let mut stored = StoredPreKey::decode_form(bytes)?;
    let private = PrivateKey::from_bytes(&stored.secret).map_err(|_| StoredKeyError)?;
    wipe_vec(&mut stored.secret);
    let public = PublicKey::from_bytes(&stored.public).map_err(|_| StoredKeyError)?;
    let pair = KeyPair::from_kept(private, public);
    Ok((stored.id, pair, stored.signature()))
}

pub(super) fn encode_kem(key: &KemPreKey) -> Zeroizing<Vec<u8>> {
    let stored = StoredPreKey {
        form: FORM,
        id: key.id,
        secret: key.pair.expose().to_vec(),
        public: key.pair.public().as_bytes().to_vec(),
        signature: key.signature.to_vec(),
        is_last_resort: key.is_last_resort,
    };
    stored.into_bytes()
}

pub(super) fn decode_kem(bytes: &[u8]) -> Result<KemPreKey, StoredKeyError> {
    let mut stored = StoredPreKey::decode_form(bytes)?;
    let pair =
        KemKeyPair::from_bytes(&stored.secret, &stored.public).map_err(|_| StoredKeyError)?;
    wipe_vec(&mut stored.secret);
    Ok(KemPreKey {
        id: stored.id,
        pair,
        signature: stored.signature().ok_or(StoredKeyError)?,
        is_last_resort: stored.is_last_resort,
    })
}
