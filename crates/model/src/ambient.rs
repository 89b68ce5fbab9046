//! What the surroundings give: time and randomness. Wrapped once in `server`, held still in tests.

use crate::{Id, Timestamp};
use std::time::Duration;

/// Tells the time. The only source of "now" in the whole program.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// How long it is since some moment in the past, for measuring how long something takes: it never goes back, and does
    /// not jump when somebody sets the time.
    fn monotonic(&self) -> Duration;
}

/// Draws unpredictable bytes from a cryptographically secure generator (ASVS V11.5.1).
pub trait Random: Send + Sync {
    /// Fills the whole slice.
    fn fill(&self, bytes: &mut [u8]);

    /// The same for what is a name and no secret: it may have been drawn in advance.
    fn fill_name(&self, bytes: &mut [u8]) {
        self.fill(bytes);
    }
}

/// Makes a UUIDv7 (RFC 9562 §5.7) for `now`.
///
/// The twelve bits behind the milliseconds carry their fraction (§6.2, method 3), so ids sort by time to about 0.25 µs.
/// The remaining 62 bits are random. An id is a name, never a secret.
pub fn mint_id<K>(now: Timestamp, random: &dyn Random) -> Id<K> {
    let mut tail = [0_u8; 8];
    random.fill_name(&mut tail);
    let micros = u64::try_from(now.micros()).unwrap_or(0);
    let (millis, rest) = (micros / 1_000, micros % 1_000);
    let fraction = u16::try_from(rest * 4_096 / 1_000).unwrap_or(0);
    let mut counter_random = [0_u8; 10];
    counter_random[..2].copy_from_slice(&fraction.to_be_bytes());
    counter_random[2..].copy_from_slice(&tail);
    Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &counter_random).into_uuid())
}

/// The least id that [`mint_id`] makes for `moment`: what was minted before it is less.
pub fn least_id<K>(moment: Timestamp) -> Id<K> {
    struct Zeros;
    impl Random for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }
    mint_id(moment, &Zeros)
}

impl<K> Id<K> {
    /// The moment that the id was minted for, to the millisecond (RFC 9562 §5.7).
    pub fn minted_at(self) -> Timestamp {
        let millis = i64::try_from(self.uuid().as_u128() >> 80).unwrap_or(i64::MAX);
        Timestamp::from_micros(millis.saturating_mul(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, least_id, mint_id};
    use crate::{Timestamp, User};

    struct Filled(u8);
    impl Random for Filled {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn ids_carry_the_time_and_sort_by_it_within_a_millisecond() {
        let early = Timestamp::from_micros(1_800_000_000_000_250);
        let late = Timestamp::from_micros(1_800_000_000_000_900);
        let (first, second) = (
            mint_id::<User>(early, &Filled(0)),
            mint_id::<User>(late, &Filled(0)),
        );
        assert_eq!(first.minted_at().micros(), 1_800_000_000_000_000);
        assert_eq!(first.uuid().get_version_num(), 7);
        assert!(first < second, "the fraction of the millisecond orders ids");
    }

    #[test]
    fn the_least_id_of_a_moment_divides_before_from_after() {
        let moment = Timestamp::from_micros(1_800_000_000_000_250);
        let least = least_id::<User>(moment);
        for byte in [0, 1, 255] {
            assert!(mint_id::<User>(moment.plus_micros(-1), &Filled(byte)) < least);
            assert!(mint_id::<User>(moment, &Filled(byte)) >= least);
        }
    }
}
