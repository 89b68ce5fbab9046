//! The end-to-end encryption of Keyward for JavaScript: a device with its sessions and groups.
//!
//! Storage in browsers waits and this library does not, so a [`Client`] holds its slots in memory: it is filled by
//! [`Client::load`] at the start, and after each call [`Client::changes`] says what to write. What was written has to be durable
//! before a plaintext is shown or a ciphertext sent. The slots are secret.

mod bundle;
mod slots;

use getrandom::SysRng;
use keyward_e2ee::fingerprint::{Fingerprint, Party};
use keyward_e2ee::{
    Address, Ciphertext, CiphertextKind, Device, DeviceId, IdentityKeyPair, KeyPair, Moment,
    Notice, Policy, PrivateKey, PublicKey,
};
use rand_core::UnwrapErr;
use slots::Slots;
use std::fmt::Display;
use uuid::Uuid;
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

type Random = UnwrapErr<SysRng>;

/// One device.
#[wasm_bindgen]
pub struct Client {
    device: Device,
    slots: Slots,
    random: Random,
}

/// A sealed message.
#[wasm_bindgen(getter_with_clone)]
pub struct Sealed {
    /// 3 for a message that may begin a session, else 2.
    pub r#type: u8,
    /// To be sent.
    pub body: Vec<u8>,
    /// What the user or the app should hear of.
    pub notices: Vec<String>,
}

/// An opened message.
#[wasm_bindgen(getter_with_clone)]
pub struct Opened {
    /// What was sealed.
    pub plaintext: Vec<u8>,
    /// What the user or the app should hear of.
    pub notices: Vec<String>,
}

#[wasm_bindgen]
impl Client {
    /// A device. `name`: the account's UUID as text; `identity`: the account's private identity key, 32 bytes, or a new one is made.
    #[wasm_bindgen(constructor)]
    pub fn new(
        name: &str,
        device_id: u32,
        registration_id: u32,
        identity: Option<Vec<u8>>,
    ) -> Result<Client, JsError> {
        let mut random = UnwrapErr(SysRng);
        let identity = match identity {
            Some(bytes) => {
                let private = PrivateKey::from_bytes(&bytes).map_err(said)?;
                IdentityKeyPair::from_key_pair(KeyPair::from_private(private))
            }
            None => IdentityKeyPair::generate(&mut random),
        };
        let device = Device {
            address: address(name, device_id)?,
            identity,
            registration_id,
            policy: Policy::default(),
        };
        Ok(Self {
            device,
            slots: Slots::default(),
            random,
        })
    }

    /// The account's identity key: 33 bytes.
    #[wasm_bindgen(js_name = identityKey, getter)]
    pub fn identity_key(&self) -> Vec<u8> {
        self.device.identity.public().as_bytes().to_vec()
    }

    /// The account's private identity key: 32 bytes. Secret.
    #[wasm_bindgen(js_name = identityPrivateKey)]
    pub fn identity_private_key(&self) -> Vec<u8> {
        self.device.identity.key_pair().private().expose().to_vec()
    }

    /// Puts back a slot that `changes` gave.
    pub fn load(&mut self, slot: &str, bytes: Vec<u8>) -> Result<(), JsError> {
        let slot = slots::parse(slot).ok_or_else(|| JsError::new("a slot of an unknown form"))?;
        self.slots.load(slot, bytes);
        Ok(())
    }

    /// What changed since it was last asked: pairs of a slot's name and its bytes, or null for a slot to be forgotten.
    #[wasm_bindgen(unchecked_return_type = "[string, Uint8Array | null][]")]
    pub fn changes(&mut self) -> js_sys::Array {
        self.slots.take_changes()
    }

    /// New pre-keys: the bundle for others, as JSON with bytes in hexadecimal.
    pub fn bundle(&mut self, one_time: bool) -> Result<String, JsError> {
        bundle::make(&self.device, &mut self.slots, one_time, &mut self.random).map_err(said)
    }

    /// Starts a session with a device out of its bundle.
    #[wasm_bindgen(js_name = processBundle)]
    pub fn process_bundle(
        &mut self,
        name: &str,
        device_id: u32,
        bundle: &str,
    ) -> Result<Vec<String>, JsError> {
        let bundle = bundle::read(bundle).map_err(|reason| JsError::new(&reason))?;
        let (device, slots, moment) = self.parts();
        let notices = device.start_session(slots, &address(name, device_id)?, &bundle, moment);
        Ok(names(&notices.map_err(said)?))
    }

    /// Seals a message for a device.
    pub fn encrypt(
        &mut self,
        name: &str,
        device_id: u32,
        plaintext: &[u8],
    ) -> Result<Sealed, JsError> {
        let (device, slots, moment) = self.parts();
        let sealed = device.encrypt(slots, &address(name, device_id)?, plaintext, moment);
        let sealed = sealed.map_err(said)?;
        Ok(Sealed {
            r#type: sealed.ciphertext.kind.number(),
            body: sealed.ciphertext.body,
            notices: names(&sealed.notices),
        })
    }

    /// Opens a message of a device. When it fails, nothing has changed.
    pub fn decrypt(
        &mut self,
        name: &str,
        device_id: u32,
        r#type: u8,
        body: Vec<u8>,
    ) -> Result<Opened, JsError> {
        let kind = CiphertextKind::of_number(r#type.into());
        let kind = kind.ok_or_else(|| JsError::new("a message of an unknown type"))?;
        let (device, slots, moment) = self.parts();
        let message = Ciphertext { kind, body };
        let remote = address(name, device_id)?;
        let opened = device.decrypt(slots, &remote, &message, moment.now_seconds);
        let opened = opened.map_err(said)?;
        Ok(Opened {
            plaintext: opened.plaintext.to_vec(),
            notices: names(&opened.notices),
        })
    }

    /// Trusts another identity key of an account, after the user agreed.
    #[wasm_bindgen(js_name = acceptIdentity)]
    pub fn accept_identity(&mut self, name: &str, key: &[u8]) -> Result<(), JsError> {
        let key = PublicKey::from_bytes(key).map_err(said)?;
        let (device, slots, _) = self.parts();
        device.accept_identity(slots, name, &key).map_err(said)
    }

    /// Puts the session with a device aside: the next message needs a new bundle.
    pub fn archive(&mut self, name: &str, device_id: u32) -> Result<(), JsError> {
        let (device, slots, _) = self.parts();
        device
            .archive_session(slots, &address(name, device_id)?)
            .map_err(said)
    }

    /// Our key in a group, to be given to each device of it over the session with it. Secret.
    pub fn distribution(&mut self, group: &str) -> Result<Vec<u8>, JsError> {
        let (device, slots, moment) = self.parts();
        let key = device.distribution(slots, uuid(group)?, moment);
        Ok(key.map_err(said)?.to_vec())
    }

    /// A new key of ours in a group, after somebody left.
    #[wasm_bindgen(js_name = rotateSenderKey)]
    pub fn rotate_sender_key(&mut self, group: &str) -> Result<Vec<u8>, JsError> {
        let (device, slots, moment) = self.parts();
        let key = device.rotate_sender_key(slots, uuid(group)?, moment);
        Ok(key.map_err(said)?.to_vec())
    }

    /// Takes a device's key in a group, as it came over the session with that very device.
    #[wasm_bindgen(js_name = learnSenderKey)]
    pub fn learn_sender_key(
        &mut self,
        name: &str,
        device_id: u32,
        distribution: &[u8],
    ) -> Result<(), JsError> {
        let (device, slots, _) = self.parts();
        let learned = device.learn_sender_key(slots, &address(name, device_id)?, distribution);
        learned.map(|_| ()).map_err(said)
    }

    /// Seals a message for a group, once for all.
    #[wasm_bindgen(js_name = encryptForGroup)]
    pub fn encrypt_for_group(&mut self, group: &str, plaintext: &[u8]) -> Result<Vec<u8>, JsError> {
        let (device, slots, moment) = self.parts();
        device
            .encrypt_for_group(slots, uuid(group)?, plaintext, moment.rng)
            .map_err(said)
    }

    /// Opens a message for a group.
    #[wasm_bindgen(js_name = decryptFromGroup)]
    pub fn decrypt_from_group(
        &mut self,
        name: &str,
        device_id: u32,
        body: &[u8],
    ) -> Result<Vec<u8>, JsError> {
        let (device, slots, _) = self.parts();
        let opened = device.decrypt_from_group(slots, &address(name, device_id)?, body);
        Ok(opened.map_err(said)?.to_vec())
    }

    /// The safety number with an account: 60 digits, the same on both sides. Ids: the accounts' UUIDs, 16 bytes each.
    #[wasm_bindgen(js_name = safetyNumber)]
    pub fn safety_number(
        &self,
        local_id: &[u8],
        remote_id: &[u8],
        remote_key: &[u8],
    ) -> Result<String, JsError> {
        let remote_key = PublicKey::from_bytes(remote_key).map_err(said)?;
        let local = Party {
            id: local_id,
            identity_key: self.device.identity.public(),
        };
        let remote = Party {
            id: remote_id,
            identity_key: &remote_key,
        };
        Ok(Fingerprint::new(local, remote).display())
    }

    fn parts(&mut self) -> (&Device, &mut Slots, Moment<'_, Random>) {
        let moment = Moment {
            now_seconds: (js_sys::Date::now() / 1000.0) as u64,
            rng: &mut self.random,
        };
        (&self.device, &mut self.slots, moment)
    }
}

fn address(name: &str, device_id: u32) -> Result<Address, JsError> {
    Ok(Address::new(name, DeviceId::new(device_id).map_err(said)?))
}

fn uuid(text: &str) -> Result<Uuid, JsError> {
    Uuid::parse_str(text).map_err(said)
}

fn said(error: impl Display) -> JsError {
    JsError::new(&error.to_string())
}

fn names(notices: &[Notice]) -> Vec<String> {
    let name = |notice: &Notice| match notice {
        Notice::FirstIdentity(_) => "firstIdentity",
        Notice::NewSession {
            replaces_another: true,
        }
        | Notice::SessionReset => "sessionReset",
        Notice::NewSession { .. } => "newSession",
        Notice::FreshSessionDue(_) => "freshSessionDue",
    };
    notices
        .iter()
        .map(|notice| name(notice).to_owned())
        .collect()
}

/// A slot's bytes for JavaScript.
fn bytes_or_null(bytes: Option<&[u8]>) -> JsValue {
    bytes.map_or(JsValue::NULL, |bytes| {
        js_sys::Uint8Array::from(bytes).into()
    })
}
