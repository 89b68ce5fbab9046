//! Any bytes as a message of the post-quantum ratchet, to a side at any point of an epoch: an error changes nothing, and whatever is
//! taken leaves a state that loads again.
#![no_main]

use keyward_e2ee::spqr::{Direction, Spqr};
use keyward_e2ee_fuzz::{Choices, Numbers};
use std::sync::OnceLock;

/// Stored states of both sides along three epochs.
fn states() -> &'static [Vec<u8>] {
    static STATES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    STATES.get_or_init(|| {
        let mut numbers = Numbers(1);
        let mut parties = [Direction::Initiator, Direction::Responder]
            .map(|direction| Spqr::new(&[1; 32], direction));
        let mut states = Vec::new();
        for turn in 0..256 {
            let sent = parties[turn % 2].send(&mut numbers).expect("sent");
            parties[1 - turn % 2]
                .receive(&sent.message)
                .expect("received");
            states.push(parties[turn / 2 % 2].to_bytes().to_vec());
        }
        states
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let state = &states()[usize::from(choices.next().unwrap_or(0))];
    let mut spqr = Spqr::from_bytes(state).expect("a stored state");
    if spqr.receive(choices.rest()).is_err() {
        assert_eq!(&*spqr.to_bytes(), state, "an error changes nothing");
    }
    assert!(Spqr::from_bytes(&spqr.to_bytes()).is_ok());
});
