//! A message for a device, changed on its way or made up: it is refused and nothing changes, or it is as it was sent and opens.
#![no_main]

use keyward_e2ee::{Ciphertext, CiphertextKind};
use keyward_e2ee_fuzz::Choices;
use keyward_e2ee_fuzz::world::{address, exchanges};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let scene = &exchanges()[choices.below(9)];
    let choice = choices.byte().unwrap_or(0);
    let mut receiver = scene.receiver.clone();
    if choice & 0x80 != 0 {
        let kind = match choice & 1 {
            0 => CiphertextKind::Session,
            _ => CiphertextKind::PreKey,
        };
        let body = choices.rest().to_vec();
        let opened = receiver.open(&address(0), &Ciphertext { kind, body });
        assert!(
            opened.is_none_or(|text| text == b"a message"),
            "nobody sent this"
        );
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
