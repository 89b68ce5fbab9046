//! Commands of groups.

use keyward_e2ee::group::Learned;
use serde_json::json;
use uuid::Uuid;

use crate::answers::{Answer, Failure, hex};
use crate::fields::Fields;
use crate::state::Peer;

/// `skdm {distributionId} → {body}`
pub(crate) fn skdm(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let distribution_id = distribution_id(request)?;
    let (device, store, moment) = peer.parts();
    let body = device.distribution(store, distribution_id, moment);
    Ok(json!({ "body": hex(&body.map_err(Failure::of)?) }))
}

/// `rotateSenderKey {distributionId} → {body}`
pub(crate) fn rotate_sender_key(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let distribution_id = distribution_id(request)?;
    let (device, store, moment) = peer.parts();
    let body = device.rotate_sender_key(store, distribution_id, moment);
    Ok(json!({ "body": hex(&body.map_err(Failure::of)?) }))
}

/// `processSkdm {sender, body} → {learned}`
pub(crate) fn process_skdm(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let sender = request.address("sender")?;
    let body = request.bytes("body")?;
    let (device, store, _) = peer.parts();
    let learned = device
        .learn_sender_key(store, &sender, &body)
        .map_err(Failure::of)?;
    let learned = match learned {
        Learned::New => "new",
        Learned::Known => "known",
        Learned::Replaced => "replaced",
    };
    Ok(json!({ "learned": learned }))
}

/// `groupEncrypt {distributionId, plaintext} → {body}`
pub(crate) fn group_encrypt(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let distribution_id = distribution_id(request)?;
    let plaintext = request.bytes("plaintext")?;
    let (device, store, moment) = peer.parts();
    let body = device.encrypt_for_group(store, distribution_id, &plaintext, moment.rng);
    Ok(json!({ "body": hex(&body.map_err(Failure::of)?) }))
}

/// `groupDecrypt {sender, body} → {plaintext}`
pub(crate) fn group_decrypt(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let sender = request.address("sender")?;
    let body = request.bytes("body")?;
    let (device, store, _) = peer.parts();
    let plaintext = device
        .decrypt_from_group(store, &sender, &body)
        .map_err(Failure::of)?;
    Ok(json!({ "plaintext": hex(&plaintext) }))
}

fn distribution_id(request: &Fields<'_>) -> Result<Uuid, Failure> {
    Uuid::parse_str(request.text("distributionId")?).map_err(Failure::of)
}
