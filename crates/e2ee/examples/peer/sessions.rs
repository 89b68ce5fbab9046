//! Commands of sessions.

use keyward_e2ee::{
    Change, Ciphertext, CiphertextKind, DeviceId, KemPreKey, KemPreKeyPublic, KemPublicKey, Notice,
    PreKey, PreKeyBundle, SessionKind, SignedPreKey, SignedPreKeyPublic, Slot, Store,
};
use serde_json::{Value, json};

use crate::answers::{Answer, Failure, hex};
use crate::fields::Fields;
use crate::state::Peer;

/// `bundle {oneTime?} → {bundle}`: new pre-keys each time; without `oneTime` only such that serve again.
pub(crate) fn bundle(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let one_time = request.flag("oneTime").unwrap_or(true);
    let id = peer.next_id;
    peer.next_id += 1;
    let identity = &peer.device.identity;
    let signed = SignedPreKey::generate(id, identity, &mut peer.rng);
    let mut changes = vec![Change::Put(Slot::SignedPreKey(id), signed.to_bytes())];
    let mut bundle = json!({
        "registrationId": peer.device.registration_id,
        "deviceId": peer.device.address.device_id().get(),
        "identityKey": hex(identity.public().as_bytes()),
        "signedPreKey": {
            "id": id,
            "publicKey": hex(signed.pair.public().as_bytes()),
            "signature": hex(&signed.signature),
        },
    });
    if one_time {
        let pre_key = PreKey::generate(id, &mut peer.rng);
        changes.push(Change::Put(Slot::PreKey(id), pre_key.to_bytes()));
        bundle["preKey"] = json!({
            "id": id,
            "publicKey": hex(pre_key.pair.public().as_bytes()),
        });
    }
    if peer.device.policy.preferred > SessionKind::X3dh {
        let mut kem = KemPreKey::generate(id, identity, &mut peer.rng);
        kem.is_last_resort = !one_time;
        changes.push(Change::Put(Slot::KemPreKey(id), kem.to_bytes()));
        bundle["pqPreKey"] = json!({
            "id": id,
            "publicKey": hex(kem.pair.public().as_bytes()),
            "signature": hex(&kem.signature),
        });
    }
    peer.store.commit(changes).map_err(Failure::of)?;
    Ok(json!({ "bundle": bundle }))
}

/// `processBundle {remote, bundle} → {notices}`
pub(crate) fn process_bundle(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let remote = request.address("remote")?;
    let bundle = read_bundle(&request.object("bundle")?)?;
    let (device, store, moment) = peer.parts();
    let notices = device
        .start_session(store, &remote, &bundle, moment)
        .map_err(Failure::of)?;
    Ok(json!({ "notices": names(&notices) }))
}

fn read_bundle(fields: &Fields<'_>) -> Result<PreKeyBundle, Failure> {
    let signed = fields.object("signedPreKey")?;
    let pre_key = match fields.optional_object("preKey") {
        Some(pre_key) => Some((pre_key.id("id")?, pre_key.public_key("publicKey")?)),
        None => None,
    };
    let kem_pre_key = match fields.optional_object("pqPreKey") {
        Some(kem) => Some(KemPreKeyPublic {
            id: kem.id("id")?,
            key: KemPublicKey::from_bytes(&kem.bytes("publicKey")?).map_err(Failure::of)?,
            signature: kem.bytes("signature")?,
        }),
        None => None,
    };
    Ok(PreKeyBundle {
        registration_id: fields.id("registrationId")?,
        device_id: DeviceId::new(fields.id("deviceId")?).map_err(Failure::of)?,
        identity_key: fields.public_key("identityKey")?,
        pre_key,
        signed_pre_key: SignedPreKeyPublic {
            id: signed.id("id")?,
            key: signed.public_key("publicKey")?,
            signature: signed.bytes("signature")?,
        },
        kem_pre_key,
    })
}

/// `encrypt {remote, plaintext} → {type, body, notices}`
pub(crate) fn encrypt(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let remote = request.address("remote")?;
    let plaintext = request.bytes("plaintext")?;
    let (device, store, moment) = peer.parts();
    let encrypted = device
        .encrypt(store, &remote, &plaintext, moment)
        .map_err(Failure::of)?;
    Ok(json!({
        "type": encrypted.ciphertext.kind.number(),
        "body": hex(&encrypted.ciphertext.body),
        "notices": names(&encrypted.notices),
    }))
}

/// `decrypt {remote, type, body} → {plaintext, notices}`
pub(crate) fn decrypt(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let remote = request.address("remote")?;
    let kind = CiphertextKind::of_number(request.number("type")?)
        .ok_or_else(|| Failure::new("type is neither 2 nor 3"))?;
    let body = request.bytes("body")?;
    let (device, store, moment) = peer.parts();
    let decrypted = device
        .decrypt(
            store,
            &remote,
            &Ciphertext { kind, body },
            moment.now_seconds,
        )
        .map_err(Failure::of)?;
    Ok(json!({
        "plaintext": hex(&decrypted.plaintext),
        "notices": names(&decrypted.notices),
    }))
}

/// `archive {remote} → {}`: puts the session aside.
pub(crate) fn archive(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let remote = request.address("remote")?;
    let (device, store, _) = peer.parts();
    device
        .archive_session(store, &remote)
        .map_err(Failure::of)?;
    Ok(json!({}))
}

fn names(notices: &[Notice]) -> Vec<Value> {
    notices
        .iter()
        .map(|notice| match notice {
            Notice::FirstIdentity(_) => json!("firstIdentity"),
            Notice::NewSession {
                replaces_another: true,
            } => json!("sessionReset"),
            Notice::NewSession { .. } => json!("newSession"),
            Notice::SessionReset => json!("ownSessionReset"),
            Notice::FreshSessionDue(_) => json!("freshSessionDue"),
        })
        .collect()
}
