//! Every parser of what comes from others, on bytes that are made up or changed: a value or an error.
#![no_main]

use keyward_e2ee::decryption_error::{DecryptionError, MessageKind};
use keyward_e2ee::device_list::DeviceList;
use keyward_e2ee::group::membership::Membership;
use keyward_e2ee::group::{Distribution, GroupMessage};
use keyward_e2ee::{
    DeviceId, KemPublicKey, PreKeyMessage, PublicKey, ServiceId, SessionMessage, xeddsa,
};
use keyward_e2ee_fuzz::Choices;
use keyward_e2ee_fuzz::samples::{Scene, scene};
use keyward_e2ee_fuzz::world::NAMES;
use uuid::Uuid;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let scene = scene();
    let bytes = match choices.byte().unwrap_or(0) {
        0..128 => choices.rest().to_vec(),
        other => {
            let mut bytes = scene.samples[usize::from(other) % scene.samples.len()].clone();
            choices.tamper(&mut bytes);
            bytes
        }
    };
    parse(scene, &bytes);
});

fn parse(scene: &Scene, bytes: &[u8]) {
    let _ = SessionMessage::from_bytes(bytes);
    let _ = PreKeyMessage::from_bytes(bytes);
    let _ = GroupMessage::from_bytes(bytes);
    let _ = Distribution::from_bytes(bytes);
    let _ = KemPublicKey::from_bytes(bytes);
    if let Ok(key) = PublicKey::from_bytes(bytes) {
        assert_eq!(key.as_bytes()[..], *bytes);
        let _ = scene.identity.key_pair().agree(&key);
    }
    if let Some((key, signature)) = bytes.split_at_checked(33)
        && let Ok(key) = PublicKey::from_bytes(key)
    {
        let _ = xeddsa::verify(&key, b"message", signature);
    }
    assert!(!xeddsa::verify(
        scene.identity.public(),
        b"never signed",
        bytes
    ));
    if let Ok(error) = DecryptionError::from_bytes(bytes) {
        assert_eq!(DecryptionError::from_bytes(&error.to_bytes()), Ok(error));
    }
    let _ = DecryptionError::from_plaintext_content(bytes);
    for kind in [
        MessageKind::Session,
        MessageKind::PreKey,
        MessageKind::Group,
    ] {
        let _ = DecryptionError::of_message(kind, bytes, 1, scene_device());
    }
    let _ = scene.fingerprint.matches(bytes);
    if let Ok(text) = core::str::from_utf8(bytes) {
        let _ = ServiceId::parse(text);
    }
    lists(scene, bytes);
}

fn lists(scene: &Scene, bytes: &[u8]) {
    let key = scene.identity.public();
    match DeviceList::verify(NAMES[0], bytes, key) {
        // The same, with something around it that nobody signed and nobody keeps.
        Ok(list) => assert_eq!(list, scene.list, "a false signature"),
        Err(_) => assert_ne!(bytes, scene.list.signed(), "a true one"),
    }
    let mut list = scene.list.clone();
    if list.advance(bytes).is_err() {
        assert_eq!(list, scene.list);
    }
    let _ = DeviceList::from_bytes(bytes);
    let _ = Membership::trust(Uuid::nil(), bytes, key);
    let mut members = scene.members.clone();
    if members.advance(bytes).is_err() {
        assert_eq!(members, scene.members);
    }
    let _ = Membership::from_bytes(bytes);
}

fn scene_device() -> DeviceId {
    DeviceId::new(1).expect("a device id")
}
