//! PostgreSQL's snapshots as text: which transactions' work a statement saw.

use std::str::FromStr;

/// What `pg_current_snapshot()` gives: `xmin:xmax:in,progress`.
///
/// A transaction is visible in it if it had ended by then: it is below `xmin`, or below `xmax` and not in progress. (One that
/// was rolled back counts as visible too; it has no rows.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
}

/// A text that is no snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSnapshot;

impl Snapshot {
    /// What is not visible in it: the transactions from the first on, and those.
    pub(super) fn unseen(&self) -> (i64, Vec<i64>) {
        let number = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
        let in_progress = self.in_progress.iter().copied().map(number);
        (number(self.xmax), in_progress.collect())
    }

    /// Whether whatever is visible in `other` is visible in this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.xmax >= other.xmax && !self.in_progress.iter().any(|&running| other.sees(running))
    }

    fn sees(&self, transaction: u64) -> bool {
        transaction < self.xmin
            || transaction < self.xmax && !self.in_progress.contains(&transaction)
    }
}

impl FromStr for Snapshot {
    type Err = NoSnapshot;
    fn from_str(text: &str) -> Result<Self, NoSnapshot> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| NoSnapshot);
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(NoSnapshot);
        let (xmin, xmax, running) = (number(part()?)?, number(part()?)?, part()?);
        let running = running.split(',').filter(|running| !running.is_empty());
        Ok(Self {
            xmin,
            xmax,
            in_progress: running.map(number).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{NoSnapshot, Snapshot};

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    #[test]
    fn what_had_ended_is_visible() {
        let snapshot = snapshot("10:20:10,14");
        let seen: Vec<u64> = (8..22).filter(|&id| snapshot.sees(id)).collect();
        assert_eq!(seen, [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]);
        assert_eq!(snapshot.unseen(), (20, vec![10, 14]));
    }

    #[test]
    fn a_snapshot_covers_what_it_has_all_of() {
        for (later, earlier, covers) in [
            ("10:20:10", "10:20:10", true),
            ("20:20:", "10:20:10", true),
            ("10:21:10", "10:20:10,12", true),
            // 12 is visible in the second alone.
            ("10:21:10,12", "10:20:10", false),
            ("10:19:10", "10:20:10", false),
            // What began after the other was taken is not in it.
            ("10:25:10,22", "10:20:10", true),
            // The other saw nothing of 10 either.
            ("10:30:10", "10:30:10", true),
            ("9:30:9", "10:30:10", false),
        ] {
            assert_eq!(
                snapshot(later).covers(&snapshot(earlier)),
                covers,
                "{later} {earlier}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1", "1:2", "1:2:x", "a:2:", "1::"] {
            assert_eq!(text.parse::<Snapshot>(), Err(NoSnapshot), "{text}");
        }
    }
}
