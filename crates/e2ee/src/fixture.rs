//! What the unit tests share.

use crate::kdf::hkdf;
use rand_core::{Infallible, TryCryptoRng, TryRng};

/// Randomness that repeats: HKDF over a seed and a counter. Only for tests.
pub(crate) struct SeededRng {
    seed: u64,
    counter: u64,
}

/// The stream of `seed`.
pub(crate) fn rng(seed: u64) -> SeededRng {
    SeededRng { seed, counter: 0 }
}

impl TryRng for SeededRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(64) {
            self.counter += 1;
            let block = hkdf::<64>(
                &self.seed.to_be_bytes(),
                &self.counter.to_be_bytes(),
                b"test",
            );
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for SeededRng {}

/// The bytes of a hexadecimal text.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}
