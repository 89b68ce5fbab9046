//! Commands of safety numbers, and of messages that did not open.

use keyward_e2ee::DeviceId;
use keyward_e2ee::decryption_error::{DecryptionError, MessageKind};
use keyward_e2ee::fingerprint::{self, Fingerprint, Party};
use serde_json::json;

use crate::answers::{Answer, Failure, hex};
use crate::fields::Fields;
use crate::state::Peer;

/// `fingerprint {version?, iterations?, localId, remoteId, remoteKey} → {display, scannable}`
pub(crate) fn fingerprint(peer: &Peer, request: &Fields<'_>) -> Answer {
    let made = make(peer, request)?;
    Ok(json!({ "display": made.display(), "scannable": hex(&made.scannable()) }))
}

/// `compare {…, other} → {matches}`
pub(crate) fn compare(peer: &Peer, request: &Fields<'_>) -> Answer {
    let made = make(peer, request)?;
    let matches = made
        .matches(&request.bytes("other")?)
        .map_err(Failure::of)?;
    Ok(json!({ "matches": matches }))
}

fn make(peer: &Peer, request: &Fields<'_>) -> Result<Fingerprint, Failure> {
    let version = request.optional_id("version")?;
    let iterations = request.optional_id("iterations")?;
    let (local_id, remote_id) = (request.bytes("localId")?, request.bytes("remoteId")?);
    let remote_key = request.public_key("remoteKey")?;
    let local = Party {
        id: &local_id,
        identity_key: peer.device.identity.public(),
    };
    let remote = Party {
        id: &remote_id,
        identity_key: &remote_key,
    };
    let version = version.unwrap_or(fingerprint::VERSION);
    let iterations = iterations.unwrap_or(fingerprint::ITERATIONS);
    Fingerprint::with_iterations(version, iterations, local, remote).map_err(Failure::of)
}

/// `decryptionError {type, body, timestamp, deviceId} → {body}`
pub(crate) fn decryption_error(request: &Fields<'_>) -> Answer {
    let kind = match request.number("type")? {
        2 => MessageKind::Session,
        3 => MessageKind::PreKey,
        7 => MessageKind::Group,
        _ => return Err(Failure::new("type is none of 2, 3 and 7")),
    };
    let message = request.bytes("body")?;
    let timestamp = request.number("timestamp")?;
    let device_id = DeviceId::new(request.id("deviceId")?).map_err(Failure::of)?;
    let made = DecryptionError::of_message(kind, &message, timestamp, device_id);
    Ok(json!({ "body": hex(&made.map_err(Failure::of)?.to_bytes()) }))
}

/// `readDecryptionError {body} → {ratchetKey?, timestamp, deviceId}`
pub(crate) fn read_decryption_error(request: &Fields<'_>) -> Answer {
    let read = DecryptionError::from_bytes(&request.bytes("body")?).map_err(Failure::of)?;
    Ok(json!({
        "ratchetKey": read.ratchet_key.map(|key| hex(key.as_bytes())),
        "timestamp": read.timestamp_milliseconds,
        "deviceId": read.device_id.get(),
    }))
}
