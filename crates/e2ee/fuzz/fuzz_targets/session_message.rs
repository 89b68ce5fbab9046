//! A message for a device, changed on its way or made up: it is refused and nothing changes, or it is as it was sent and opens.
#![no_main]

use keyward_e2ee::{Ciphertext, CiphertextKind};
use keyward_e2ee_fuzz::Choices;
use keyward_e2ee_fuzz::world::{KINDS, Party, address, pair};
use std::sync::OnceLock;

struct Scene {
    receiver: Party,
    messages: Vec<Ciphertext>,
}

/// By kind of session, with and without one-time keys, before and after the first reply.
fn scenes() -> &'static [Scene] {
    static SCENES: OnceLock<Vec<Scene>> = OnceLock::new();
    SCENES.get_or_init(|| {
        let mut scenes = Vec::new();
        for kind in KINDS {
            for (one_time, talked) in [(true, false), (false, false), (true, true)] {
                let [mut sender, receiver] = pair(kind, one_time, talked);
                let seal = |_| sender.seal(&address(1), b"a message").expect("a session");
                let messages = (0..3).map(seal).collect();
                scenes.push(Scene { receiver, messages });
            }
        }
        scenes
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let scene = &scenes()[choices.below(9)];
    let choice = choices.byte().unwrap_or(0);
    let mut receiver = scene.receiver.clone();
    if choice & 0x80 != 0 {
        let kind = match choice & 1 {
            0 => CiphertextKind::Session,
            _ => CiphertextKind::PreKey,
        };
        let body = choices.rest().to_vec();
        let opened = receiver.open(&address(0), &Ciphertext { kind, body });
        assert_eq!(opened, None, "nobody sent this");
        return;
    }
    let mut message = scene.messages[usize::from(choice) % 3].clone();
    let original = message.body.clone();
    choices.tamper(&mut message.body);
    let opened = receiver.open(&address(0), &message);
    // Of a first message only what is inside is under the MAC: the rest may vary where it does not matter.
    if message.body == original {
        assert!(opened.is_some(), "a message as it was sent");
    }
    assert!(opened.is_none_or(|text| text == b"a message"));
    assert!(
        receiver
            .open(&address(0), &scene.messages[2])
            .is_none_or(|text| text == b"a message")
    );
});
