//! Bundles as JSON, bytes in lower-case hexadecimal: the form of `examples/peer.rs`.

use crate::slots::Slots;
use keyward_e2ee::{
    Change, Device, DeviceId, KemPreKey, KemPreKeyPublic, KemPublicKey, PreKey, PreKeyBundle,
    PublicKey, SignedPreKey, SignedPreKeyPublic, Slot, Store,
};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    registration_id: u32,
    device_id: u32,
    identity_key: String,
    pre_key: Option<Key>,
    signed_pre_key: Key,
    pq_pre_key: Option<Key>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    id: u32,
    public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// New pre-keys, kept in the slots. Without `one_time` only such that serve again.
pub(crate) fn make(
    device: &Device,
    slots: &mut Slots,
    one_time: bool,
    rng: &mut impl CryptoRng,
) -> Result<String, Infallible> {
    let id = slots.next_pre_key_id();
    let signed = SignedPreKey::generate(id, &device.identity, rng);
    let mut kem = KemPreKey::generate(id, &device.identity, rng);
    kem.is_last_resort = !one_time;
    let mut changes = vec![
        Change::Put(Slot::SignedPreKey(id), signed.to_bytes()),
        Change::Put(Slot::KemPreKey(id), kem.to_bytes()),
    ];
    let key = |public: &[u8], signature: Option<&[u8]>| Key {
        id,
        public_key: hex(public),
        signature: signature.map(hex),
    };
    let pre_key = one_time.then(|| PreKey::generate(id, rng));
    if let Some(pre_key) = &pre_key {
        changes.push(Change::Put(Slot::PreKey(id), pre_key.to_bytes()));
    }
    slots.commit(changes)?;
    let bundle = Bundle {
        registration_id: device.registration_id,
        device_id: device.address.device_id().get().into(),
        identity_key: hex(device.identity.public().as_bytes()),
        pre_key: pre_key.map(|pre_key| key(pre_key.pair.public().as_bytes(), None)),
        signed_pre_key: key(signed.pair.public().as_bytes(), Some(&signed.signature)),
        pq_pre_key: Some(key(kem.pair.public().as_bytes(), Some(&kem.signature))),
    };
    Ok(serde_json::to_string(&bundle).unwrap_or_default())
}

pub(crate) fn read(text: &str) -> Result<PreKeyBundle, String> {
    let bundle: Bundle = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let signed = &bundle.signed_pre_key;
    Ok(PreKeyBundle {
        registration_id: bundle.registration_id,
        device_id: DeviceId::new(bundle.device_id).map_err(|error| error.to_string())?,
        identity_key: public_key(&bundle.identity_key)?,
        pre_key: match bundle.pre_key {
            Some(key) => Some((key.id, public_key(&key.public_key)?)),
            None => None,
        },
        signed_pre_key: SignedPreKeyPublic {
            id: signed.id,
            key: public_key(&signed.public_key)?,
            signature: signature(signed)?,
        },
        kem_pre_key: match &bundle.pq_pre_key {
            Some(key) => Some(KemPreKeyPublic {
                id: key.id,
                key: KemPublicKey::from_bytes(&bytes(&key.public_key)?)
                    .map_err(|error| error.to_string())?,
                signature: signature(key)?,
            }),
            None => None,
        },
    })
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    PublicKey::from_bytes(&bytes(text)?).map_err(|error| error.to_string())
}

fn signature(key: &Key) -> Result<Vec<u8>, String> {
    bytes(key.signature.as_deref().unwrap_or_default())
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    unhex(text).ok_or_else(|| "bytes that are not hexadecimal".to_owned())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| char::from(letter).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}
