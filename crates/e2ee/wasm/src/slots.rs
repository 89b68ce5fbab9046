//! The slots in memory, by names that JavaScript can store them under.

use crate::{bundle::hex, bytes_or_null};
use js_sys::Array;
use keyward_e2ee::{Address, Change, DeviceId, MemoryStore, PublicKey, Slot, Store};
use std::collections::BTreeSet;
use std::convert::Infallible;
use uuid::Uuid;
use wasm_bindgen::prelude::JsValue;
use zeroize::Zeroizing;

/// What a device stores, and which slots changed since JavaScript last asked.
#[derive(Default)]
pub(crate) struct Slots {
    memory: MemoryStore,
    changed: BTreeSet<Slot>,
}

impl Slots {
    pub(crate) fn load(&mut self, slot: Slot, bytes: Vec<u8>) {
        let Ok(()) = self.memory.commit(vec![Change::Put(slot, bytes.into())]);
    }

    pub(crate) fn take_changes(&mut self) -> Array {
        let changed = std::mem::take(&mut self.changed);
        let pair = |slot: &Slot| {
            let Ok(bytes) = self.memory.load(slot);
            let bytes = bytes_or_null(bytes.as_ref().map(|bytes| bytes.as_slice()));
            JsValue::from(Array::of2(&name(slot).into(), &bytes))
        };
        changed.iter().map(pair).collect()
    }

    /// A number that no pre-key has: one more than the greatest.
    pub(crate) fn next_pre_key_id(&self) -> u32 {
        let id = |slot: &Slot| match slot {
            Slot::PreKey(id) | Slot::SignedPreKey(id) | Slot::KemPreKey(id) => *id,
            _ => 0,
        };
        self.memory.slots().map(id).max().unwrap_or(0) + 1
    }
}

impl Store for Slots {
    type Error = Infallible;

    fn load(&self, slot: &Slot) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        self.memory.load(slot)
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<(), Infallible> {
        for change in &changes {
            let (Change::Put(slot, _) | Change::Remove(slot)) = change;
            self.changed.insert(slot.clone());
        }
        self.memory.commit(changes)
    }
}

/// A slot's name. Names of accounts come last, as they may hold anything.
fn name(slot: &Slot) -> String {
    match slot {
        Slot::Session(address) => format!("session/{}", address_name(address)),
        Slot::Identity(account) => format!("identity/{account}"),
        Slot::PreKey(id) => format!("preKey/{id}"),
        Slot::SignedPreKey(id) => format!("signedPreKey/{id}"),
        Slot::KemPreKey(id) => format!("kemPreKey/{id}"),
        Slot::UsedBaseKey {
            signed_pre_key_id,
            base_key,
        } => format!(
            "usedBaseKey/{signed_pre_key_id}/{}",
            hex(base_key.as_bytes())
        ),
        Slot::SenderKey {
            sender,
            distribution_id,
        } => format!("senderKey/{distribution_id}/{}", address_name(sender)),
        Slot::SendingKey(group) => format!("sendingKey/{group}"),
        Slot::Membership(group) => format!("membership/{group}"),
        Slot::DeviceList(account) => format!("deviceList/{account}"),
        Slot::Verification(account) => format!("verification/{account}"),
    }
}

/// The slot of a name.
pub(crate) fn parse(name: &str) -> Option<Slot> {
    let (kind, rest) = name.split_once('/')?;
    Some(match kind {
        "session" => Slot::Session(address(rest)?),
        "identity" => Slot::Identity(rest.to_owned()),
        "preKey" => Slot::PreKey(rest.parse().ok()?),
        "signedPreKey" => Slot::SignedPreKey(rest.parse().ok()?),
        "kemPreKey" => Slot::KemPreKey(rest.parse().ok()?),
        "usedBaseKey" => {
            let (id, key) = rest.split_once('/')?;
            Slot::UsedBaseKey {
                signed_pre_key_id: id.parse().ok()?,
                base_key: PublicKey::from_bytes(&crate::bundle::unhex(key)?).ok()?,
            }
        }
        "senderKey" => {
            let (group, sender) = rest.split_once('/')?;
            Slot::SenderKey {
                sender: address(sender)?,
                distribution_id: Uuid::parse_str(group).ok()?,
            }
        }
        "sendingKey" => Slot::SendingKey(Uuid::parse_str(rest).ok()?),
        "membership" => Slot::Membership(Uuid::parse_str(rest).ok()?),
        "deviceList" => Slot::DeviceList(rest.to_owned()),
        "verification" => Slot::Verification(rest.to_owned()),
        _ => return None,
    })
}

fn address_name(address: &Address) -> String {
    format!("{}/{}", address.device_id().get(), address.name())
}

fn address(text: &str) -> Option<Address> {
    let (device_id, name) = text.split_once('/')?;
    let device_id = DeviceId::new(device_id.parse().ok()?).ok()?;
    Some(Address::new(name, device_id))
}
