//! What lies in a device's store, changed: an error, or it works on without a panic.
#![no_main]

use keyward_e2ee::fingerprint::Verification;
use keyward_e2ee::group::{SenderKeyRecord, SendingKey};
use keyward_e2ee::{Change, Ciphertext, KemPreKey, PreKey, SessionRecord, SignedPreKey, Store};
use keyward_e2ee_fuzz::Choices;
use keyward_e2ee_fuzz::world::{KINDS, Party, address, pair};
use std::sync::OnceLock;

struct Scene {
    parties: [Party; 2],
    /// To each.
    messages: [Ciphertext; 2],
}

fn scenes() -> &'static [Scene] {
    static SCENES: OnceLock<Vec<Scene>> = OnceLock::new();
    SCENES.get_or_init(|| {
        let scene = |(kind, turns)| {
            let mut parties = pair(kind, true, turns);
            let to_second = parties[0].seal(&address(1), b"one").expect("a session");
            let mut second = parties[1].clone();
            second.open(&address(0), &to_second).expect("opens");
            let to_first = second.seal(&address(0), b"two").expect("a session");
            let messages = [to_first, to_second];
            Scene { parties, messages }
        };
        let scenes = KINDS.into_iter().flat_map(|kind| [(kind, 0), (kind, 3)]);
        scenes.map(scene).collect()
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let scene = &scenes()[choices.below(7).min(5)];
    if choices.byte().unwrap_or(0) & 1 == 0 {
        read(choices.rest());
        return;
    }
    let which = choices.below(2);
    let mut party = scene.parties[which].clone();
    let stored = party.stored();
    let (slot, mut bytes) = stored[choices.below(stored.len())].clone();
    choices.tamper(&mut bytes);
    read(&bytes);
    party
        .store
        .commit(vec![Change::Put(slot, bytes.into())])
        .expect("memory");
    for _ in 0..2 {
        party.open(&address(1 - which), &scene.messages[which]);
        party.seal(&address(1 - which), b"three");
    }
    let bundle = scene.parties[1 - which].clone().bundle(true);
    party.start(&address(1 - which), &bundle);
    party.seal(&address(1 - which), b"four");
});

/// What loads is stored again as something that loads alike.
fn read(bytes: &[u8]) {
    if let Ok(record) = SessionRecord::from_bytes(bytes) {
        let stored = record.to_bytes();
        let loaded = SessionRecord::from_bytes(&stored).expect("what was stored");
        assert_eq!(loaded.to_bytes(), stored);
    }
    if let Ok(record) = SenderKeyRecord::from_bytes(bytes) {
        assert!(SenderKeyRecord::from_bytes(&record.to_bytes()).is_ok());
    }
    if let Ok(key) = SendingKey::from_bytes(bytes) {
        assert!(SendingKey::from_bytes(&key.to_bytes()).is_ok());
    }
    if let Ok(key) = PreKey::from_bytes(bytes) {
        assert!(PreKey::from_bytes(&key.to_bytes()).is_ok());
    }
    if let Ok(key) = SignedPreKey::from_bytes(bytes) {
        assert!(SignedPreKey::from_bytes(&key.to_bytes()).is_ok());
    }
    if let Ok(key) = KemPreKey::from_bytes(bytes) {
        assert!(KemPreKey::from_bytes(&key.to_bytes()).is_ok());
    }
    if let Ok(verification) = Verification::from_bytes(bytes) {
        assert_eq!(
            Verification::from_bytes(&verification.to_bytes()),
            Ok(verification)
        );
    }
}
