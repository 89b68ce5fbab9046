//! Any bytes as a message of the post-quantum ratchet, to a side at any point of an epoch: an error changes nothing, and whatever is
//! taken leaves a state that loads again.
#![no_main]

use keyward_e2ee::spqr::Spqr;
use keyward_e2ee_fuzz::{Choices, spqr_arrivals};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let state = &spqr_arrivals()[usize::from(choices.byte().unwrap_or(0))].state;
    let mut spqr = Spqr::from_bytes(state).expect("a stored state");
    if spqr.receive(choices.rest()).is_err() {
        assert_eq!(&*spqr.to_bytes(), state, "an error changes nothing");
    }
    assert!(Spqr::from_bytes(&spqr.to_bytes()).is_ok());
});
