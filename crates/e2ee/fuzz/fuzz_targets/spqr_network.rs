//! Two sides of the post-quantum ratchet and a network that loses, delays and repeats as the fuzzer likes: both have the same keys,
//! each once, and no epoch is out of step.
#![no_main]

use keyward_e2ee::spqr::{Direction, Sent, Spqr};
use keyward_e2ee_fuzz::{Choices, Numbers};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let mut numbers = Numbers(1);
    let mut parties = [Direction::Initiator, Direction::Responder]
        .map(|direction| Spqr::new(&[1; 32], direction));
    let mut under_way: [Vec<Sent>; 2] = [Vec::new(), Vec::new()];
    while let Some(choice) = choices.byte() {
        let party = usize::from(choice & 1);
        let repeat = usize::from(choice >> 3) + 1;
        match choice >> 1 & 3 {
            0 => {
                for _ in 0..repeat {
                    under_way[1 - party].push(parties[party].send(&mut numbers).expect("sent"));
                }
            }
            1 => {
                let count = under_way[party].len();
                under_way[party].truncate(count.saturating_sub(repeat));
            }
            2 => {
                let count = repeat.min(under_way[party].len());
                for sent in under_way[party].drain(..count) {
                    deliver(&mut parties[party], &sent);
                }
            }
            _ => {
                if !under_way[party].is_empty() {
                    let position = choices.below(under_way[party].len());
                    let sent = under_way[party].remove(position);
                    deliver(&mut parties[party], &sent);
                    assert!(parties[party].receive(&sent.message).is_err(), "twice");
                }
            }
        }
    }
    assert!(parties[0].epoch().abs_diff(parties[1].epoch()) <= 1);
});

fn deliver(party: &mut Spqr, sent: &Sent) {
    if let Ok(salt) = party.receive(&sent.message) {
        let salt = salt.expect("a key");
        assert_eq!(
            salt.as_bytes(),
            sent.key.as_bytes(),
            "the same key on both sides"
        );
    }
}
