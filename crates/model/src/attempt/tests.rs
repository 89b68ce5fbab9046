use super::{AttemptCount, AttemptLimit, AttemptStanding, EXACT_MAX, SLICES};
use crate::Timestamp;
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};

const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
const FIVE: AttemptLimit = AttemptLimit {
    attempts_max: 5,
    window_seconds: 900,
};
const WINDOW_MICROS: i64 = 900 * 1_000_000;

/// Counts an attempt if there is room.
fn attempt(count: &mut AttemptCount, limit: AttemptLimit, now: Timestamp) -> bool {
    let free = count.standing(limit, now).retry_after_micros.is_none();
    if free {
        count.count(limit, now);
    }
    free
}

fn after(micros: i64) -> Timestamp {
    START.plus_micros(micros)
}

#[test]
fn asvs_v6_3_1_an_attempt_counts_for_exactly_the_window() {
    let mut count = AttemptCount::default();
    for nth in 0..5 {
        assert!(attempt(&mut count, FIVE, after(nth)));
    }
    assert!(!attempt(&mut count, FIVE, after(5)));
    // The first leaves at its own moment and a window, not a microsecond before it.
    assert!(!attempt(&mut count, FIVE, after(WINDOW_MICROS - 1)));
    assert!(attempt(&mut count, FIVE, after(WINDOW_MICROS)));
    assert!(!attempt(&mut count, FIVE, after(WINDOW_MICROS)));
    assert!(attempt(&mut count, FIVE, after(WINDOW_MICROS + 1)));
}

#[test]
fn who_is_refused_is_told_the_moment_at_which_there_is_room() {
    let mut count = AttemptCount::default();
    for nth in 0..5 {
        let now = after(nth * 1_000);
        let remaining = 5 - nth as u32;
        let standing = AttemptStanding {
            remaining,
            retry_after_micros: None,
        };
        assert_eq!(count.standing(FIVE, now), standing);
        count.count(FIVE, now);
    }
    let standing = count.standing(FIVE, after(5_000));
    let wait = standing.retry_after_micros.unwrap();
    assert_eq!((standing.remaining, wait), (0, WINDOW_MICROS - 5_000));
    assert!(!attempt(&mut count, FIVE, after(5_000 + wait - 1)));
    assert!(attempt(&mut count, FIVE, after(5_000 + wait)));
}

#[test]
fn a_limit_that_was_lowered_lets_nobody_in_before_enough_have_left() {
    let mut count = AttemptCount::default();
    for nth in 0..5 {
        count.count(FIVE, after(nth * 1_000));
    }
    let two = AttemptLimit {
        attempts_max: 2,
        ..FIVE
    };
    // Four of five must leave.
    let wait = count.standing(two, after(5_000)).retry_after_micros;
    assert_eq!(wait, Some(WINDOW_MICROS + 3_000 - 5_000));
}

#[test]
fn a_success_gives_back_its_own_count_and_no_other() {
    let mut count = AttemptCount::default();
    for nth in 0..5 {
        count.count(FIVE, after(nth));
    }
    count.give_back(FIVE, after(2));
    assert_eq!(count.failures(), 4);
    assert_eq!(count.standing(FIVE, after(5)).remaining, 1);
    // Nothing was counted then.
    count.give_back(FIVE, after(77));
    assert_eq!(count.standing(FIVE, after(5)).remaining, 1);
    assert!(attempt(&mut count, FIVE, after(6)));
    assert!(!attempt(&mut count, FIVE, after(7)));
}

#[test]
fn attempts_of_one_moment_are_given_back_one_by_one() {
    let mut count = AttemptCount::default();
    (0..5).for_each(|_| count.count(FIVE, START));
    for given_back in 1..=5 {
        count.give_back(FIVE, START);
        assert_eq!(count.standing(FIVE, START).remaining, given_back);
    }
    assert_eq!(count, AttemptCount::default());
}

#[test]
fn a_clock_that_steps_back_opens_nothing_and_closes_nothing_for_long() {
    let mut count = AttemptCount::default();
    for nth in 0..5 {
        count.count(FIVE, after(nth));
    }
    // Back by up to a window: the attempts lie ahead, and still count.
    assert!(!attempt(&mut count, FIVE, after(-1)));
    assert!(!attempt(&mut count, FIVE, after(4 - WINDOW_MICROS)));
    // A year ahead the clock was wrong when it noted them.
    assert!(attempt(&mut count, FIVE, START.plus_seconds(-365 * 86_400)));
}

#[test]
fn what_is_stored_is_read_again() {
    let mut count = AttemptCount::default();
    (0..3).for_each(|nth| count.count(FIVE, after(nth)));
    let bytes = count.to_bytes();
    assert_eq!(bytes.len(), 36);
    assert_eq!(AttemptCount::from_bytes(&bytes, 3), Some(count));
    assert_eq!(AttemptCount::from_bytes(&bytes[1..], 3), None);
}

#[test]
fn a_row_does_not_grow_with_its_limit() {
    let limit = AttemptLimit {
        attempts_max: 10_000,
        ..FIVE
    };
    let mut count = AttemptCount::default();
    for nth in 0..10_000 {
        assert!(attempt(&mut count, limit, after(nth * 80_000)), "{nth}");
    }
    assert!(!attempt(&mut count, limit, after(10_000 * 80_000)));
    assert!(count.to_bytes().len() <= 12 * (SLICES as usize + 2));
}

/// What happens to a window: some time passes, or goes back; then an attempt, which may turn out right.
fn happenings() -> impl proptest::strategy::Strategy<Value = Vec<(i64, bool)>> {
    prop::collection::vec((0..400_000_000_i64, any::<bool>()), 1..80)
}

proptest! {
    /// Against the definition itself: a list of all moments, of which those in the last window are counted.
    #[test]
    fn of_a_window_no_more_are_taken_than_fit_and_no_fewer(
        happenings in happenings(), attempts_max in 1_u32..9
    ) {
        let limit = AttemptLimit { attempts_max, ..FIVE };
        let (mut count, mut now) = (AttemptCount::default(), START);
        let mut taken: Vec<i64> = Vec::new();
        for (passes, right) in happenings {
            now = now.plus_micros(passes);
            let within = taken.iter().filter(|at| **at + WINDOW_MICROS > now.micros()).count();
            let standing = count.standing(limit, now);
            prop_assert_eq!(standing.remaining as usize, (attempts_max as usize).saturating_sub(within));
            if !attempt(&mut count, limit, now) {
                let wait = standing.retry_after_micros.unwrap();
                prop_assert!(count.standing(limit, now.plus_micros(wait)).remaining > 0);
                prop_assert_eq!(count.standing(limit, now.plus_micros(wait - 1)).remaining, 0);
                continue;
            }
            match right {
                true => count.give_back(limit, now),
                false => taken.push(now.micros()),
            }
            let read = AttemptCount::from_bytes(&count.to_bytes(), count.failures());
            prop_assert_eq!(read.as_ref(), Some(&count));
        }
    }

    /// However the clock jumps within a window, there are never more in the row than fit.
    #[test]
    fn a_jumping_clock_lets_no_more_into_a_window_than_fit(jumps in prop::collection::vec(-400_000_000..400_000_000_i64, 1..80)) {
        let (mut count, mut now) = (AttemptCount::default(), START);
        for jump in jumps {
            let there = START.plus_micros(-WINDOW_MICROS / 2).micros()..START.plus_micros(WINDOW_MICROS / 2).micros();
            now = match there.contains(&now.plus_micros(jump).micros()) {
                true => now.plus_micros(jump),
                false => now,
            };
            attempt(&mut count, FIVE, now);
            prop_assert!(count.to_bytes().len() <= 5 * 12);
            prop_assert!(count.failures() <= 5);
        }
    }
}

proptest! {
    // The definition is compared by counting anew each time, which takes long.
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A window kept in slices never lets more through than it says, and keeps nobody out for more than a slice longer.
    #[test]
    fn a_large_window_errs_by_a_slice_and_to_the_safe_side(steps in prop::collection::vec(0..3_000_000_i64, 2_000..3_000)) {
        let limit = AttemptLimit { attempts_max: EXACT_MAX + 1, ..FIVE };
        let slice = WINDOW_MICROS / SLICES;
        let (mut count, mut now) = (AttemptCount::default(), START);
        let mut taken: Vec<i64> = Vec::new();
        for passes in steps {
            now = now.plus_micros(passes);
            let within = |micros: i64| taken.iter().filter(|at| **at + micros > now.micros()).count();
            let (exactly, at_most) = (within(WINDOW_MICROS), within(WINDOW_MICROS + slice));
            let fits = attempt(&mut count, limit, now);
            prop_assert!(!fits || exactly <= EXACT_MAX as usize);
            prop_assert!(fits || at_most > EXACT_MAX as usize);
            if fits {
                taken.push(now.micros());
            }
        }
    }
}
