//! Any bytes as a stored state of the post-quantum ratchet, or a stored one changed: refused, or it works on without a panic.
#![no_main]

use keyward_e2ee::spqr::{Direction, Spqr};
use keyward_e2ee_fuzz::{Choices, Numbers, spqr_arrivals};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let bytes = match choices.byte().unwrap_or(0) & 1 {
        0 => choices.rest().to_vec(),
        _ => {
            let mut bytes = spqr_arrivals()[choices.below(256)].state.clone();
            choices.tamper(&mut bytes);
            bytes
        }
    };
    let Ok(mut spqr) = Spqr::from_bytes(&bytes) else {
        return;
    };
    let mut numbers = Numbers(1);
    let mut other = Spqr::new(&[1; 32], Direction::Initiator);
    for _ in 0..4 {
        if let Ok(sent) = spqr.send(&mut numbers) {
            let _ = spqr.receive(&sent.message);
        }
        let sent = other.send(&mut numbers).expect("sent");
        let _ = spqr.receive(&sent.message);
        let stored = spqr.to_bytes();
        let loaded = Spqr::from_bytes(&stored).expect("what was stored");
        assert_eq!(loaded.to_bytes(), stored);
    }
});
