//! Every parser of what comes from others, on bytes that are made up or changed: a value or an error.
#![no_main]

use keyward_e2ee::decryption_error::{DecryptionError, MessageKind};
use keyward_e2ee::device_list::DeviceList;
use keyward_e2ee::fingerprint::{Fingerprint, Party};
use keyward_e2ee::group::membership::{Member, Membership, Role};
use keyward_e2ee::group::{Distribution, GroupMessage, SendingKey};
use keyward_e2ee::{
    DeviceId, IdentityKeyPair, KemPublicKey, PreKeyMessage, PublicKey, ServiceId, SessionKind,
    SessionMessage, xeddsa,
};
use keyward_e2ee_fuzz::world::{NAMES, NOW, address, pair};
use keyward_e2ee_fuzz::{Choices, Numbers};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use uuid::Uuid;

struct Scene {
    identity: IdentityKeyPair,
    fingerprint: Fingerprint,
    list: DeviceList,
    members: Membership,
    /// One of each.
    samples: Vec<Vec<u8>>,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let mut numbers = Numbers(1);
        let identity = IdentityKeyPair::generate(&mut numbers);
        let device_id = DeviceId::new(1).expect("a device id");
        let own = Party {
            id: b"one",
            identity_key: identity.public(),
        };
        let fingerprint = Fingerprint::with_iterations(2, 2, own, own).expect("iterations");
        let list = BTreeMap::from([(device_id, 7)]);
        let list = DeviceList::sign_first(NAMES[0], &list, &identity, NOW, &mut numbers);
        let list = list.expect("a list");
        let member = Member {
            identity_key: *identity.public(),
            role: Role::Administrator,
        };
        let members = BTreeMap::from([(NAMES[0].to_owned(), member)]);
        let members = Membership::found(Uuid::nil(), members, &identity, &mut numbers);
        let members = members.expect("a list");
        let mut key = SendingKey::generate(Uuid::nil(), NOW, &mut numbers);
        let [mut sender, _] = pair(SessionKind::PqxdhWithRatchet, true, false);
        let first = sender.seal(&address(1), b"first").expect("a session").body;
        let [mut sender, _] = pair(SessionKind::PqxdhWithRatchet, true, true);
        let next = sender.seal(&address(1), b"next").expect("a session").body;
        let error = DecryptionError::of_message(MessageKind::Session, &next, 1, device_id);
        let error = error.expect("a message");
        let samples = vec![
            error.to_bytes(),
            error.to_plaintext_content(),
            first,
            next,
            key.distribution().to_bytes().to_vec(),
            key.encrypt(b"text", &mut numbers).expect("sealed"),
            list.signed().to_vec(),
            list.to_bytes(),
            members.signed().to_vec(),
            members.to_bytes(),
            fingerprint.scannable(),
            identity.public().as_bytes().to_vec(),
        ];
        Scene {
            identity,
            fingerprint,
            list,
            members,
            samples,
        }
    })
}

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
    let is_own = bytes == scene.list.signed();
    assert_eq!(
        DeviceList::verify(NAMES[0], bytes, key).is_ok(),
        is_own,
        "a false signature"
    );
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
