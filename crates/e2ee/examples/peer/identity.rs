//! Commands of the identity key.

use keyward_e2ee::PublicKey;
use serde_json::json;

use crate::answers::{Answer, Failure, hex};
use crate::fields::Fields;
use crate::state::Peer;

/// `sign {message} → {signature}`
pub(crate) fn sign(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let message = request.bytes("message")?;
    let signature = peer.device.identity.sign(&message, &mut peer.rng);
    Ok(json!({ "signature": hex(&signature) }))
}

/// `verify {publicKey, message, signature} → {valid}`
pub(crate) fn verify(request: &Fields<'_>) -> Answer {
    let key = PublicKey::from_bytes(&request.bytes("publicKey")?).map_err(Failure::of)?;
    let valid = key.is_signature_valid(&request.bytes("message")?, &request.bytes("signature")?);
    Ok(json!({ "valid": valid }))
}

/// `acceptIdentity {remote, identityKey} → {}`
pub(crate) fn accept_identity(peer: &mut Peer, request: &Fields<'_>) -> Answer {
    let remote = request.address("remote")?;
    let key = request.public_key("identityKey")?;
    let (device, store, _) = peer.parts();
    device
        .accept_identity(store, remote.name(), &key)
        .map_err(Failure::of)?;
    Ok(json!({}))
}
