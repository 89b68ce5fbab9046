//! A group's sender keys and a network that loses, delays, repeats and changes as the fuzzer likes: nothing opens twice, nor to
//! anything but what was sealed, nor without the key.
#![no_main]

use keyward_e2ee::SessionKind;
use keyward_e2ee::group::{GroupMessage, Learned, SenderKeyRecord};
use keyward_e2ee_fuzz::Choices;
use keyward_e2ee_fuzz::world::{NOW, Party, address};
use uuid::Uuid;

struct Letter {
    body: Vec<u8>,
    text: Vec<u8>,
    opened: bool,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let kind = SessionKind::PqxdhWithRatchet;
    let [mut sender, mut receiver] = [Party::new(0, kind), Party::new(1, kind)];
    let group = Uuid::nil();
    let mut distribution = rotate(&mut sender, group);
    let mut letters: Vec<Letter> = Vec::new();
    let mut number = 0_u32;
    let mut hostile = false;
    for _ in 0..400 {
        let Some(choice) = choices.byte() else { break };
        match choice & 7 {
            0 => distribution = rotate(&mut sender, group),
            1 => {
                let mut bytes = distribution.clone();
                if choice & 0x80 != 0 {
                    choices.tamper(&mut bytes);
                }
                let learned =
                    receiver
                        .device
                        .learn_sender_key(&mut receiver.store, &address(0), &bytes);
                // A false key can only come from the sender itself, over the session with it. It may push out a true one, which then
                // begins anew when it is learnt again.
                hostile |= bytes != distribution;
                if hostile && learned != Ok(Learned::Known) {
                    letters.iter_mut().for_each(|letter| letter.opened = false);
                }
            }
            2 => {
                let mut made_up = SenderKeyRecord::new(group);
                if let Ok(message) = GroupMessage::from_bytes(choices.rest()) {
                    assert!(made_up.decrypt(&message).is_err());
                }
            }
            3 | 4 => {
                number += 1 + u32::from(choice >> 3);
                let text = number.to_be_bytes().to_vec();
                let body = sender.device.encrypt_for_group(
                    &mut sender.store,
                    group,
                    &text,
                    &mut sender.numbers,
                );
                letters.push(Letter {
                    body: body.expect("a key"),
                    text,
                    opened: false,
                });
            }
            _ => {
                let position = choices.below(letters.len());
                let Some(letter) = letters.get_mut(position) else {
                    continue;
                };
                let mut body = letter.body.clone();
                let changed = choice & 0x80 != 0 && choices.tamper(&mut body);
                let before = receiver.stored();
                let opened =
                    receiver
                        .device
                        .decrypt_from_group(&mut receiver.store, &address(0), &body);
                match opened {
                    Ok(text) => {
                        assert!(!changed && !letter.opened);
                        // With a false chain key and the true signing key one text in 256 has a padding: there is no MAC.
                        assert!(hostile || *text == letter.text);
                        letter.opened = true;
                    }
                    Err(_) => assert!(before == receiver.stored(), "an error changes nothing"),
                }
            }
        }
    }
});

fn rotate(sender: &mut Party, group: Uuid) -> Vec<u8> {
    let moment = keyward_e2ee::Moment {
        now_seconds: NOW,
        rng: &mut sender.numbers,
    };
    let key = sender
        .device
        .rotate_sender_key(&mut sender.store, group, moment);
    key.expect("memory").to_vec()
}
