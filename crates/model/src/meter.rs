//! What is counted and timed, for whoever watches the server: counters, gauges and histograms that any crate can keep and that
//! `server` shows. Plain atomics, without names, labels or a registry: what is counted in the way of a request was looked up
//! before it came.
//!
//! Counters and histograms are in several pieces, each in cache lines of its own; a thread adds to one of them. Threads that
//! count the same thing do not wait for each other, and whoever reads adds the pieces up.

use std::array;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PIECES: usize = 8;
/// How many bounds a histogram has.
const BOUNDS: usize = 16;

/// In nanoseconds: from a request that memory answers to one that somebody gave up on.
const DURATION_BOUNDS: [u64; BOUNDS] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];
const LENGTH_BOUNDS: [u64; BOUNDS] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];

/// The target of spans that are for traces alone: their level is TRACE, so that nobody makes them unless traces are on.
pub const SPANS: &str = "keyward::spans";

static NEXT_PIECE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PIECE: usize = NEXT_PIECE.fetch_add(1, Ordering::Relaxed) % PIECES;
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(Counters<1>);

/// Several numbers that only grow, side by side: together they take little more than one.
#[derive(Debug)]
pub struct Counters<const N: usize> {
    pieces: [CountersPiece<N>; PIECES],
}

#[derive(Debug)]
#[repr(align(64))]
struct CountersPiece<const N: usize>([AtomicU64; N]);

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge {
    pieces: [GaugePiece; PIECES],
}

/// What went down here may have gone up elsewhere: only the sum of all pieces says something.
#[derive(Debug, Default)]
#[repr(align(64))]
struct GaugePiece(AtomicI64);

/// How often values of each size came. A value is counted under the first bound that it does not exceed.
#[derive(Debug)]
pub struct Histogram {
    unit: Unit,
    pieces: [HistogramPiece; PIECES],
}

#[derive(Debug)]
#[repr(align(64))]
struct HistogramPiece {
    counts: [AtomicU64; BOUNDS + 1],
    sum: AtomicU64,
}

/// What a histogram's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Durations, kept in nanoseconds.
    Duration,
    /// Lengths: how many at once.
    Length,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramReading {
    /// What its values are.
    pub unit: Unit,
    /// The bounds, ascending.
    pub bounds: &'static [u64],
    /// How many values fell under each bound and not under the one before it; the last is of those beyond all bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: u64,
}

/// Measures how long something took, for a [`Histogram`] and nothing else: no decision rests on it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Counter {
    /// Nothing was counted yet.
    pub const fn new() -> Self {
        Self(Counters::new())
    }

    /// Counts one.
    pub fn increment(&self) {
        self.0.increment(0);
    }

    /// How many were counted.
    pub fn value(&self) -> u64 {
        self.0.values()[0]
    }
}

impl<const N: usize> Counters<N> {
    /// Nothing was counted yet.
    pub const fn new() -> Self {
        Self {
            pieces: [const { CountersPiece([const { AtomicU64::new(0) }; N]) }; PIECES],
        }
    }

    /// Counts one under `position`; beyond the last position nothing is counted.
    pub fn increment(&self, position: usize) {
        let piece = &self.pieces[PIECE.with(|piece| *piece)];
        if let Some(count) = piece.0.get(position) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were counted under each position.
    pub fn values(&self) -> [u64; N] {
        array::from_fn(|position| {
            let pieces = self.pieces.iter();
            pieces
                .map(|piece| piece.0[position].load(Ordering::Relaxed))
                .sum()
        })
    }
}

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl Gauge {
    /// Moves it, down where `difference` is negative.
    pub fn add(&self, difference: i64) {
        let piece = &self.pieces[PIECE.with(|piece| *piece)];
        piece.0.fetch_add(difference, Ordering::Relaxed);
    }

    /// Where it stands.
    pub fn value(&self) -> i64 {
        let pieces = self.pieces.iter();
        pieces.map(|piece| piece.0.load(Ordering::Relaxed)).sum()
    }
}

impl Histogram {
    /// One of durations.
    pub const fn of_durations() -> Self {
        Self::of(Unit::Duration)
    }

    /// One of lengths.
    pub const fn of_lengths() -> Self {
        Self::of(Unit::Length)
    }

    const fn of(unit: Unit) -> Self {
        Self {
            unit,
            pieces: [const { HistogramPiece::new() }; PIECES],
        }
    }

    /// Counts a duration.
    pub fn observe(&self, duration: Duration) {
        self.observe_value(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts a length.
    pub fn observe_length(&self, length: usize) {
        self.observe_value(length as u64);
    }

    fn observe_value(&self, value: u64) {
        let under = self.bounds().partition_point(|bound| *bound < value);
        let piece = &self.pieces[PIECE.with(|piece| *piece)];
        piece.counts[under].fetch_add(1, Ordering::Relaxed);
        piece.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> HistogramReading {
        let counts: [u64; BOUNDS + 1] = array::from_fn(|under| {
            let pieces = self.pieces.iter();
            pieces
                .map(|piece| piece.counts[under].load(Ordering::Relaxed))
                .sum()
        });
        let pieces = self.pieces.iter();
        HistogramReading {
            unit: self.unit,
            bounds: self.bounds(),
            counts: counts.to_vec(),
            sum: pieces
                .map(|piece| piece.sum.load(Ordering::Relaxed))
                .fold(0, u64::wrapping_add),
        }
    }

    fn bounds(&self) -> &'static [u64; BOUNDS] {
        match self.unit {
            Unit::Duration => &DURATION_BOUNDS,
            Unit::Length => &LENGTH_BOUNDS,
        }
    }
}

impl HistogramPiece {
    const fn new() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; BOUNDS + 1],
            sum: AtomicU64::new(0),
        }
    }
}

impl HistogramReading {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Stopwatch {
    /// Begins now.
    #[expect(
        clippy::disallowed_methods,
        reason = "it measures for meters; nothing that is decided or kept rests on it"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago that was.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Counter, DURATION_BOUNDS, Gauge, Histogram, LENGTH_BOUNDS};
    use std::time::Duration;

    #[test]
    fn what_many_threads_count_adds_up() {
        let (counter, histogram) = (Counter::new(), Histogram::of_durations());
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counter.increment();
                        histogram.observe(Duration::from_micros(700));
                    }
                });
            }
        });
        assert_eq!(counter.value(), 20_000);
        let reading = histogram.read();
        assert_eq!((reading.count(), reading.counts[4]), (20_000, 20_000));
        assert_eq!(reading.sum, 20_000 * 700_000);
    }

    #[test]
    fn a_value_is_under_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::of_lengths();
        for length in [0, 1, 2, 5, 256, 257] {
            histogram.observe_length(length);
        }
        let counts = histogram.read().counts;
        assert_eq!(
            (counts[0], counts[1], counts[4]),
            (2, 1, 1),
            "0 and 1; 2; 5"
        );
        assert_eq!((counts[BOUNDS - 1], counts[BOUNDS]), (1, 1));
        for bounds in [DURATION_BOUNDS, LENGTH_BOUNDS] {
            assert!(bounds.is_sorted());
        }
    }

    #[test]
    fn a_gauge_goes_both_ways() {
        let gauge = Gauge::default();
        gauge.add(3);
        std::thread::scope(|scope| {
            scope.spawn(|| gauge.add(-5));
        });
        assert_eq!(gauge.value(), -2);
    }
}
