//! How long to wait: exponential back-off with full jitter, so that what failed together is not tried together.

use keyward_model::Random;
use std::time::Duration;

/// What the first wait is at most.
const BASE: Duration = Duration::from_secs(2);
/// What any wait is at most.
const CAP: Duration = Duration::from_secs(6 * 3_600);

/// The wait after the `attempts`-th attempt failed: evenly drawn between nothing and twice the bound before.
pub(super) fn back_off(attempts: i64, random: &dyn Random) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 32) - 1).unwrap_or(0);
    let bound = BASE.saturating_mul(1 << doublings.min(30)).min(CAP);
    fraction_of(bound, random)
}

/// Between 0.8 and 1.2 of a period: several nodes that poll do not fall into step.
pub(super) fn jittered(period: Duration, random: &dyn Random) -> Duration {
    period * 4 / 5 + fraction_of(period * 2 / 5, random)
}

fn fraction_of(bound: Duration, random: &dyn Random) -> Duration {
    let mut bytes = [0_u8; 8];
    random.fill(&mut bytes);
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(u64::from_le_bytes(bytes) % micros.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::{CAP, back_off, jittered};
    use keyward_model::Random;
    use std::time::Duration;

    /// All bits set: the draw is `u64::MAX` modulo the bound.
    struct Filled(u8);
    impl Random for Filled {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        for (attempts, bound) in [
            (1, 2),
            (2, 4),
            (3, 8),
            (10, 1_024),
            (15, 21_600),
            (99, 21_600),
        ] {
            for byte in 0..=255 {
                let wait = back_off(attempts, &Filled(byte));
                assert!(wait <= Duration::from_secs(bound), "{attempts}: {wait:?}");
            }
        }
        let longest = (0..=255).map(|byte| back_off(99, &Filled(byte))).max();
        assert!(longest > Some(CAP / 2), "the whole range is drawn from");
        assert_eq!(back_off(5, &Filled(0)), Duration::ZERO);
    }

    #[test]
    fn polls_stay_near_their_period() {
        for byte in 0..=255 {
            let wait = jittered(Duration::from_secs(1), &Filled(byte));
            assert!((800..=1_200).contains(&wait.as_millis()), "{wait:?}");
        }
    }
}
