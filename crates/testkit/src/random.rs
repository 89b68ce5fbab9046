//! Randomness that repeats. It is predictable, so it is not secure and stays in tests.

use keyward_model::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The odd constant by which SplitMix64 steps (Steele, Lea and Flood, OOPSLA 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64: the same seed gives the same bytes. Clones draw from the same stream.
#[derive(Debug, Clone)]
pub struct SeededRandom {
    state: Arc<AtomicU64>,
}

impl SeededRandom {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(AtomicU64::new(seed)),
        }
    }

    fn draw(&self) -> u64 {
        let state = self.state.fetch_add(STEP, Ordering::SeqCst);
        mix(state.wrapping_add(STEP))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.draw().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::SeededRandom;
    use keyward_model::Random;

    fn draw(random: &SeededRandom) -> [u8; 12] {
        let mut bytes = [0; 12];
        random.fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_repeats_and_a_stream_does_not() {
        let first = SeededRandom::new(7);
        let bytes = draw(&first);
        assert_eq!(bytes, draw(&SeededRandom::new(7)));
        assert_ne!(bytes, draw(&first), "the stream goes on");
        assert_ne!(bytes, draw(&SeededRandom::new(8)));
    }

    #[test]
    fn it_is_splitmix64() {
        // The first output for seed 1234567 in the reference implementation.
        let random = SeededRandom::new(1_234_567);
        assert_eq!(random.draw(), 6_457_827_717_110_365_317);
    }
}
