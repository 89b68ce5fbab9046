//! Which other nodes stand still: their rows are taken out, so that nobody waits for them any more.

use super::connect::words;
use crate::error::Error;
use crate::node_lease::{Moment, OUTWAIT};
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::Client;
use uuid::Uuid;

/// A node that lives moves twice a second.
const SUSPICIOUS: Duration = Duration::from_secs(1);
const TAKE_OUT: &str = "DELETE FROM nodes WHERE id = $1 AND beat = $2";

/// What one connection saw of the others' beats. Another connection begins anew: after a crash of the database a row may be
/// older than what was seen of it.
#[derive(Debug, Default)]
pub(super) struct Silence {
    seen: HashMap<Uuid, (i64, Moment)>,
}

impl Silence {
    /// Takes note of the others' rows, which were read before `now`; gives those whose beat has stood still for too long.
    ///
    /// The node had noted its clock before it wrote that beat, and so before it was first seen here: its lease is over. It
    /// may live and be slow; its next beat then hits no row, and it joins anew.
    pub(super) fn observe(&mut self, rows: &[(Uuid, i64)], now: Moment) -> Vec<(Uuid, i64)> {
        self.seen
            .retain(|id, _| rows.iter().any(|(row, _)| row == id));
        let mut silent = Vec::new();
        for &(id, beat) in rows {
            let (seen, since) = self.seen.entry(id).or_insert((beat, now));
            if *seen != beat {
                (*seen, *since) = (beat, now);
            } else if now.since(*since) >= OUTWAIT {
                silent.push((id, beat));
            }
        }
        silent
    }

    /// Whether some node has not moved for longer than one does that lives.
    pub(super) fn suspects(&self, now: Moment) -> bool {
        self.seen
            .values()
            .any(|(_, since)| now.since(*since) >= SUSPICIOUS)
    }
}

/// Takes a node out that was told by [`Silence::observe`], unless it has moved since.
pub(super) async fn take_out(client: &Client, id: Uuid, beat: i64) -> Result<(), Error> {
    let taken = client.execute(TAKE_OUT, &[&id, &beat]).await;
    if taken.map_err(|error| Error::unavailable(words(&error)))? > 0 {
        tracing::warn!(node = %id, "a node was silent for longer than a lease: nobody waits for it any more");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Silence;
    use crate::node_lease::Moment;
    use std::time::Duration;
    use uuid::Uuid;

    const NODE: Uuid = Uuid::from_u128(7);

    fn at(milliseconds: u64) -> Moment {
        Moment::of(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_beat_that_stands_still_for_longer_than_a_lease_is_told() {
        let mut silence = Silence::default();
        let rows = [(NODE, 5)];
        assert!(silence.observe(&rows, at(1_000)).is_empty());
        assert!(silence.observe(&rows, at(3_199)).is_empty());
        assert_eq!(silence.observe(&rows, at(3_200)), rows);
    }

    #[test]
    fn a_beat_that_moves_is_watched_anew_also_when_it_goes_back() {
        let mut silence = Silence::default();
        for (beat, moment) in [(5, 0), (6, 2_000), (5, 4_000), (5, 6_199)] {
            assert!(
                silence.observe(&[(NODE, beat)], at(moment)).is_empty(),
                "{beat} {moment}"
            );
        }
        assert_eq!(silence.observe(&[(NODE, 5)], at(6_200)), [(NODE, 5)]);
    }

    #[test]
    fn a_row_that_was_gone_is_new() {
        let mut silence = Silence::default();
        assert!(silence.observe(&[(NODE, 5)], at(0)).is_empty());
        assert!(silence.observe(&[], at(1_000)).is_empty());
        assert!(silence.observe(&[(NODE, 5)], at(3_000)).is_empty());
    }
}
