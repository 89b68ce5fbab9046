//! The first message of a session that the other side began.

use zeroize::Zeroizing;

use super::error::{DeviceError, PreKeyKind};
use super::{Decrypted, Device, Loaded, Notice, commit, load, put_record, trust};
use crate::address::{Address, address_binding};
use crate::handshake::{NamedPreKeys, respond};
use crate::policy::SessionKind;
use crate::prekeys::{KemPreKey, PreKey, SignedPreKey};
use crate::secret::discard;
use crate::session::{Session, SetUp};
use crate::store::{Change, Slot, Store};
use crate::wire::{PreKeyMessage, Version};

impl Device {
    /// Opens a message that carries what sets its session up: with that session, if it came before.
    pub(super) fn open_pre_key_message<S: Store>(
        &self,
        store: &mut S,
        remote: &Address,
        message: &PreKeyMessage,
        now_seconds: u64,
    ) -> Result<Decrypted, DeviceError<S::Error>> {
        let mut loaded = load(store, remote)?;
        let mut notices = Vec::new();
        let mut changes = trust(&loaded, remote, &message.identity_key, &mut notices)?;
        if loaded
            .record
            .promote_begun_by(message.version, &message.base_key)
        {
            return self.open_with_record(store, remote, loaded, &message.message);
        }
        let named = load_named(store, message)?;
        let mut session = self.respond(message, &named, now_seconds)?;
        let addresses = address_binding(remote, &self.address);
        let plaintext = Zeroizing::new(session.open(&message.message, addresses.as_ref())?);
        changes.extend(used_pre_keys(message, &named));
        changes.push(self.take_into_use(remote, &mut loaded, session, &mut notices));
        commit(store, changes)?;
        Ok(Decrypted { plaintext, notices })
    }

    fn respond<E>(
        &self,
        message: &PreKeyMessage,
        named: &NamedPreKeys,
        now_seconds: u64,
    ) -> Result<Session, DeviceError<E>> {
        let kind = kind_of(message);
        self.check_strength(kind)?;
        let agreed = respond(&self.identity, message, named, kind)?;
        let set_up = SetUp {
            version: message.version,
            base_key: message.base_key,
            local_identity: *self.identity.public(),
            remote_identity: message.identity_key,
            local_registration_id: self.registration_id,
            remote_registration_id: message.registration_id,
            created_at: now_seconds,
        };
        let pair = named.signed.pair.clone();
        Ok(Session::responded(set_up, agreed, pair, kind))
    }

    fn take_into_use(
        &self,
        remote: &Address,
        loaded: &mut Loaded,
        session: Session,
        notices: &mut Vec<Notice>,
    ) -> Change {
        notices.push(Notice::NewSession {
            replaces_another: loaded.record.has_current(),
        });
        loaded.record.push(session);
        put_record(remote, &loaded.record)
    }
}

/// What the initiator chose: a post-quantum ratchet is there from the first message, or never.
fn kind_of(message: &PreKeyMessage) -> SessionKind {
    match message.version {
        Version::V3 => SessionKind::X3dh,
        Version::V4 if message.message.pq_ratchet.is_empty() => SessionKind::Pqxdh,
        Version::V4 => SessionKind::PqxdhWithRatchet,
    }
}

fn load_named<S: Store>(
    store: &S,
    message: &PreKeyMessage,
) -> Result<NamedPreKeys, DeviceError<S::Error>> {
    let id = message.signed_pre_key_id;
    let bytes = load_key(store, Slot::SignedPreKey(id), PreKeyKind::Signed, id)?;
    let signed = SignedPreKey::from_bytes(&bytes)?;
    let one_time = match message.pre_key_id {
        Some(id) => {
            let bytes = load_key(store, Slot::PreKey(id), PreKeyKind::OneTime, id)?;
            Some(PreKey::from_bytes(&bytes)?)
        }
        None => None,
    };
    let kem = match &message.kem {
        Some((id, _)) => {
            let bytes = load_key(store, Slot::KemPreKey(*id), PreKeyKind::Kem, *id)?;
            let key = KemPreKey::from_bytes(&bytes)?;
            discard(bytes);
            Some(key)
        }
        None => None,
    };
    let named = NamedPreKeys {
        signed,
        one_time,
        kem,
    };
    let replay = used_base_key(message);
    if is_without_one_time_key(&named) && store.load(&replay).map_err(DeviceError::Store)?.is_some()
    {
        return Err(DeviceError::ReplayedFirstMessage);
    }
    Ok(named)
}

fn load_key<S: Store>(
    store: &S,
    slot: Slot,
    kind: PreKeyKind,
    id: u32,
) -> Result<Zeroizing<Vec<u8>>, DeviceError<S::Error>> {
    store
        .load(&slot)
        .map_err(DeviceError::Store)?
        .ok_or(DeviceError::UnknownPreKey { kind, id })
}

/// Forgets the one-time keys; where there was none, remembers the message's base key instead.
fn used_pre_keys(message: &PreKeyMessage, named: &NamedPreKeys) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(one_time) = &named.one_time {
        changes.push(Change::Remove(Slot::PreKey(one_time.id)));
    }
    if let Some(kem) = named.kem.as_ref().filter(|kem| !kem.is_last_resort) {
        changes.push(Change::Remove(Slot::KemPreKey(kem.id)));
    }
    if is_without_one_time_key(named) {
        changes.push(Change::Put(used_base_key(message), Zeroizing::default()));
    }
    changes
}

fn is_without_one_time_key(named: &NamedPreKeys) -> bool {
    named.one_time.is_none() && named.kem.as_ref().is_none_or(|kem| kem.is_last_resort)
}

fn used_base_key(message: &PreKeyMessage) -> Slot {
    Slot::UsedBaseKey {
        signed_pre_key_id: message.signed_pre_key_id,
        base_key: message.base_key,
    }
}
