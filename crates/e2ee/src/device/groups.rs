//! What a device does in a group: its own sender key, and those of the others.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::address::Address;
use crate::group::{
    Distribution, GroupError, GroupMessage, Learned, RotationPolicy, RotationReason,
    SenderKeyRecord, SendingKey,
};
use crate::store::{Change, Slot, Store};

use super::{Device, DeviceError, Moment, commit};

/// What to send before a message for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Why the key was changed, if it was.
    pub rotated: Option<RotationReason>,
    /// Whom to send the distribution message, each over the session with it. They count as having it already; whoever did not
    /// get it asks with a decryption error ([`Device::sender_key_lacking`]).
    pub give_to: Vec<Address>,
    /// The distribution message. It is secret.
    pub distribution: Zeroizing<Vec<u8>>,
}

impl Device {
    /// Before a message for a group: makes a key where there is none or it has served long enough or somebody left, and says
    /// who needs it. `receivers` are all devices of the group's members but this one, by a verified
    /// [member list](crate::group::membership) and verified [device lists](crate::device_list).
    ///
    /// # Errors
    /// Storage, or a key in it that cannot be read.
    pub fn prepare_group_message<S: Store>(
        &self,
        store: &mut S,
        distribution_id: Uuid,
        receivers: &BTreeSet<Address>,
        policy: &RotationPolicy,
        moment: Moment<'_, impl CryptoRng + ?Sized>,
    ) -> Result<Prepared, DeviceError<S::Error>> {
        let mut key =
            load_or_generate(store, distribution_id, &mut *moment.rng, moment.now_seconds)?;
        let plan = key.plan(receivers, policy, moment.now_seconds)?;
        if plan.rotate.is_some() {
            key.rotate(moment.now_seconds, moment.rng);
        }
        key.mark_given(plan.give_to.iter().cloned())?;
        commit(store, vec![put_sending_key(distribution_id, &key)])?;
        Ok(Prepared {
            rotated: plan.rotate,
            give_to: plan.give_to,
            distribution: key.distribution().to_bytes(),
        })
    }

    /// Our key in a group as it is now, for one more device; made where there is none. [`Self::prepare_group_message`] keeps
    /// book of who has it, this does not.
    ///
    /// # Errors
    /// Storage, or a key in it that cannot be read.
    pub fn distribution<S: Store>(
        &self,
        store: &mut S,
        distribution_id: Uuid,
        moment: Moment<'_, impl CryptoRng + ?Sized>,
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError<S::Error>> {
        let key = load_or_generate(store, distribution_id, moment.rng, moment.now_seconds)?;
        commit(store, vec![put_sending_key(distribution_id, &key)])?;
        Ok(key.distribution().to_bytes())
    }

    /// A new key of ours in a group, at once; nobody has it yet.
    ///
    /// # Errors
    /// Storage.
    pub fn rotate_sender_key<S: Store>(
        &self,
        store: &mut S,
        distribution_id: Uuid,
        moment: Moment<'_, impl CryptoRng + ?Sized>,
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError<S::Error>> {
        let key = SendingKey::generate(distribution_id, moment.now_seconds, moment.rng);
        commit(store, vec![put_sending_key(distribution_id, &key)])?;
        Ok(key.distribution().to_bytes())
    }

    /// A device tells that it has not our key in a group: the next [`Self::prepare_group_message`] gives it again.
    ///
    /// # Errors
    /// Storage, or a key in it that cannot be read.
    pub fn sender_key_lacking<S: Store>(
        &self,
        store: &mut S,
        distribution_id: Uuid,
        address: &Address,
    ) -> Result<(), DeviceError<S::Error>> {
        let Some(mut key) = load_sending_key(store, distribution_id)? else {
            return Ok(());
        };
        key.mark_lacking(address)?;
        commit(store, vec![put_sending_key(distribution_id, &key)])
    }

    /// Seals a message for a group, once for all who have our key.
    ///
    /// # Errors
    /// [`GroupError::NoSenderKey`] before [`Self::prepare_group_message`]; storage.
    pub fn encrypt_for_group<S: Store>(
        &self,
        store: &mut S,
        distribution_id: Uuid,
        plaintext: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, DeviceError<S::Error>> {
        let key = load_sending_key(store, distribution_id)?;
        let mut key = key.ok_or(GroupError::NoSenderKey)?;
        let message = key.encrypt(plaintext, rng)?;
        commit(store, vec![put_sending_key(distribution_id, &key)])?;
        Ok(message)
    }

    /// Takes a distribution message: `sender` is the device whose session it came out of.
    ///
    /// # Errors
    /// A message that is malformed; storage.
    pub fn learn_sender_key<S: Store>(
        &self,
        store: &mut S,
        sender: &Address,
        distribution: &[u8],
    ) -> Result<Learned, DeviceError<S::Error>> {
        let distribution = Distribution::from_bytes(distribution)?;
        let slot = sender_key_slot(sender, distribution.distribution_id());
        let mut record = match load_record(store, &slot)? {
            Some(record) => record,
            None => SenderKeyRecord::new(distribution.distribution_id()),
        };
        let learned = record.learn(&distribution)?;
        commit(store, vec![Change::Put(slot, record.to_bytes())])?;
        Ok(learned)
    }

    /// Opens a message for a group.
    ///
    /// # Errors
    /// A message that is malformed, changed, opened before, not signed by `sender`, or of a key that `sender` has not given us
    /// (ask with a [decryption error](crate::decryption_error)); storage. Nothing has changed then.
    pub fn decrypt_from_group<S: Store>(
        &self,
        store: &mut S,
        sender: &Address,
        message: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError<S::Error>> {
        let message = GroupMessage::from_bytes(message)?;
        let slot = sender_key_slot(sender, message.distribution_id());
        let mut record = load_record(store, &slot)?.ok_or(GroupError::NoSenderKey)?;
        let plaintext = Zeroizing::new(record.decrypt(&message)?);
        commit(store, vec![Change::Put(slot, record.to_bytes())])?;
        Ok(plaintext)
    }
}

fn sender_key_slot(sender: &Address, distribution_id: Uuid) -> Slot {
    Slot::SenderKey {
        sender: sender.clone(),
        distribution_id,
    }
}

fn load_record<S: Store>(
    store: &S,
    slot: &Slot,
) -> Result<Option<SenderKeyRecord>, DeviceError<S::Error>> {
    let bytes = store.load(slot).map_err(DeviceError::Store)?;
    let record = bytes.map(|bytes| SenderKeyRecord::from_bytes(&bytes));
    record.transpose().map_err(|_| DeviceError::Corrupt)
}

fn load_sending_key<S: Store>(
    store: &S,
    distribution_id: Uuid,
) -> Result<Option<SendingKey>, DeviceError<S::Error>> {
    let slot = Slot::SendingKey(distribution_id);
    let bytes = store.load(&slot).map_err(DeviceError::Store)?;
    let key = bytes.map(|bytes| SendingKey::from_bytes(&bytes));
    key.transpose().map_err(|_| DeviceError::Corrupt)
}

fn load_or_generate<S: Store>(
    store: &S,
    distribution_id: Uuid,
    rng: &mut (impl CryptoRng + ?Sized),
    now_seconds: u64,
) -> Result<SendingKey, DeviceError<S::Error>> {
    let kept = load_sending_key(store, distribution_id)?;
    Ok(kept.unwrap_or_else(|| SendingKey::generate(distribution_id, now_seconds, rng)))
}

fn put_sending_key(distribution_id: Uuid, key: &SendingKey) -> Change {
    Change::Put(Slot::SendingKey(distribution_id), key.to_bytes())
}

#[cfg(test)]
mod tests;
