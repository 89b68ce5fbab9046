//! The system clock and the generator of the operating system: the one place where they are read.

use aws_lc_rs::rand::SecureRandom;
use keyward_model::{Clock, Random, Timestamp};
use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's clock.
#[derive(Debug)]
pub(crate) struct SystemClock {
    begun: Instant,
}

/// The generator of the operating system, through aws-lc.
#[derive(Debug, Default)]
pub(crate) struct SystemRandom(aws_lc_rs::rand::SystemRandom);

/// How many bytes for names are drawn at once: of some dozens of ids.
const DRAWN_BYTES: usize = 512;

thread_local! {
    static DRAWN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

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

    /// Drawn some dozens at a time: each draw costs more than the rest of making an id.
    fn fill_name(&self, bytes: &mut [u8]) {
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.len() < bytes.len() {
                drawn.resize(DRAWN_BYTES.max(bytes.len()), 0);
                self.fill(drawn);
            }
            let rest = drawn.len() - bytes.len();
            bytes.copy_from_slice(&drawn[rest..]);
            drawn.truncate(rest);
        });
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
    use super::{DRAWN_BYTES, SystemRandom, generate_password};
    use keyward_model::Random;
    use std::collections::HashSet;

    #[test]
    fn names_are_drawn_once_each() {
        let random = SystemRandom::default();
        let draw = |_| {
            let mut name = [0; 8];
            random.fill_name(&mut name);
            name
        };
        let names: HashSet<[u8; 8]> = (0..1_000).map(draw).collect();
        assert_eq!(names.len(), 1_000);
        let mut long = [0; 2 * DRAWN_BYTES];
        random.fill_name(&mut long);
        assert_ne!(long[..DRAWN_BYTES], long[DRAWN_BYTES..]);
    }

    #[test]
    fn asvs_v6_4_1_generated_passwords_are_random_and_long_enough() {
        let random = SystemRandom::default();
        let (one, other) = (generate_password(&random), generate_password(&random));
        assert_ne!(one, other);
        assert!(keyward_model::Password::chosen(&one).is_ok());
        assert_eq!(one.len(), 29);
    }
}
