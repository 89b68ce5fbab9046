//! The system clock and the generator of the operating system: the one place where they are read.

use aws_lc_rs::rand::SecureRandom;
use keyward_model::{Clock, Random, Timestamp};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's clock.
#[derive(Debug)]
pub(crate) struct SystemClock {
    begun: Instant,
}

/// The generator of the operating system, through aws-lc.
#[derive(Debug, Default)]
pub(crate) struct SystemRandom(aws_lc_rs::rand::SystemRandom);

impl SystemClock {
    /// The clock, which measures from here on.
    pub(crate) fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the steady clock"
        )]
        let begun = Instant::now();
        Self { begun }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the system clock"
        )]
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            // Going on would hand out predictable secrets.
            eprintln!("keyward: the operating system gives no randomness");
            std::process::abort();
        }
    }
}

/// A password that nobody chose: 24 characters without look-alikes in groups of four, 120 bits.
pub(crate) fn generate_password(random: &dyn Random) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0_u8; 24];
    random.fill(&mut bytes);
    let characters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    let groups: Vec<String> = characters
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::{SystemRandom, generate_password};

    #[test]
    fn asvs_v6_4_1_generated_passwords_are_random_and_long_enough() {
        let random = SystemRandom::default();
        let (one, other) = (generate_password(&random), generate_password(&random));
        assert_ne!(one, other);
        assert!(keyward_model::Password::chosen(&one).is_ok());
        assert_eq!(one.len(), 29);
    }
}
