//! What the fuzz targets share: randomness that repeats, and the fuzzer's bytes as choices.

pub mod samples;
pub mod world;

use keyward_e2ee::spqr::{Direction, Spqr};
use rand_core::{Infallible, TryCryptoRng, TryRng};
use std::sync::OnceLock;

/// Randomness that repeats (SplitMix64), so that a finding can be run again.
#[derive(Clone)]
pub struct Numbers(pub u64);

impl TryRng for Numbers {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.try_next_u64()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Numbers {}

/// The fuzzer's bytes, read from the front.
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    /// The next byte, as long as there is one.
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// The next number below `end`; 0 when there are no bytes left.
    pub fn below(&mut self, end: usize) -> usize {
        let high = usize::from(self.byte().unwrap_or(0));
        let low = usize::from(self.byte().unwrap_or(0));
        (high << 8 | low) % end.max(1)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Changes some bytes of a message: overwrites, cuts, or lengthens it. `false` when it is as it was.
    pub fn tamper(&mut self, message: &mut Vec<u8>) -> bool {
        let before = message.clone();
        for _ in 0..1 + self.below(4) {
            let place = self.below(message.len() + 1);
            match self.byte().unwrap_or(0) % 4 {
                0 => message.truncate(place),
                1 => message.insert(place, self.byte().unwrap_or(0)),
                _ => {
                    if let Some(byte) = message.get_mut(place) {
                        *byte = self.byte().unwrap_or(0);
                    }
                }
            }
        }
        *message != before
    }
}

/// What one side of a post-quantum ratchet has stored, and the message that comes next.
pub struct Arrival {
    pub state: Vec<u8>,
    pub message: Vec<u8>,
}

/// Messages to both sides along three epochs: 256 of them.
pub fn spqr_arrivals() -> &'static [Arrival] {
    static ARRIVALS: OnceLock<Vec<Arrival>> = OnceLock::new();
    ARRIVALS.get_or_init(|| {
        let mut numbers = Numbers(1);
        let mut parties = [Direction::Initiator, Direction::Responder]
            .map(|direction| Spqr::new(&[1; 32], direction));
        let arrival = |turn: usize| {
            let message = parties[turn % 2].send(&mut numbers).expect("sent").message;
            let receiver = &mut parties[1 - turn % 2];
            let state = receiver.to_bytes().to_vec();
            receiver.receive(&message).expect("received");
            Arrival { state, message }
        };
        (0..256).map(arrival).collect()
    })
}
