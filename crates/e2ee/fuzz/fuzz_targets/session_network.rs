//! Two devices and a network that loses, delays, repeats and changes messages as the fuzzer likes, while both start sessions anew:
//! nothing opens twice, nor to anything but what was sealed.
#![no_main]

use keyward_e2ee::Ciphertext;
use keyward_e2ee_fuzz::Choices;
use keyward_e2ee_fuzz::world::{Party, address, pairs};

struct Letter {
    ciphertext: Ciphertext,
    text: Vec<u8>,
    opened: bool,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let mut parties = pairs()[choices.below(pairs().len())].clone();
    let mut letters: [Vec<Letter>; 2] = [Vec::new(), Vec::new()];
    let mut number = 0_u32;
    // Each step costs a few signatures and agreements.
    for _ in 0..200 {
        let Some(choice) = choices.byte() else { break };
        let party = usize::from(choice & 1);
        match choice >> 1 & 7 {
            0..3 => {
                number += 1;
                let text = number.to_be_bytes().to_vec();
                if let Some(ciphertext) = parties[party].seal(&address(1 - party), &text) {
                    letters[1 - party].push(Letter {
                        ciphertext,
                        text,
                        opened: false,
                    });
                }
            }
            3 => {
                let bundle = parties[1 - party].bundle(choice & 0x10 != 0);
                assert!(parties[party].start(&address(1 - party), &bundle));
            }
            4 => parties[party]
                .device
                .archive_session(&mut parties[party].store, &address(1 - party))
                .expect("memory"),
            5 => {
                let position = choices.below(letters[party].len());
                if let Some(letter) = letters[party].get(position) {
                    let mut changed = letter.ciphertext.clone();
                    if choices.tamper(&mut changed.body) {
                        let opened = parties[party].clone().open(&address(1 - party), &changed);
                        assert!(opened.is_none_or(|text| text == letter.text && !letter.opened));
                    }
                }
            }
            _ => {
                let position = choices.below(letters[party].len());
                if let Some(letter) = letters[party].get_mut(position) {
                    deliver(&mut parties[party], 1 - party, letter);
                }
            }
        }
    }
    // Whatever happened, a new session serves.
    let bundle = parties[1].bundle(true);
    assert!(parties[0].start(&address(1), &bundle));
    let sealed = parties[0].seal(&address(1), b"anew").expect("a session");
    assert_eq!(
        parties[1].open(&address(0), &sealed).as_deref(),
        Some(&b"anew"[..])
    );
});

fn deliver(party: &mut Party, from: usize, letter: &mut Letter) {
    if let Some(text) = party.open(&address(from), &letter.ciphertext) {
        assert!(!letter.opened, "opened twice");
        assert_eq!(text, letter.text);
        letter.opened = true;
    }
}
