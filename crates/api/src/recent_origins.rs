//! Which origins were allowed a moment ago, so that a flood of preflights or refusals does not become one of SQL.
//!
//! It only says yes, and for a few seconds: what a browser may read for that much longer after a key was disabled is not
//! what anybody may do, and the browser itself keeps a preflight for minutes.

use keyward_model::{Origin, Route, Timestamp};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a yes is remembered.
const SECONDS: i64 = 5;
/// How many are remembered.
const LENGTH_MAX: usize = 4_096;

/// Which origins were allowed a moment ago, by the hash of what was asked.
#[derive(Debug, Default)]
pub(crate) struct RecentOrigins {
    until: Mutex<HashMap<u64, Timestamp>>,
    hasher: RandomState,
}

impl RecentOrigins {
    pub(crate) fn contains(&self, origin: &Origin, names: &[Route], now: Timestamp) -> bool {
        let key = self.key_of(origin, names);
        self.lock().get(&key).is_some_and(|until| now < *until)
    }

    pub(crate) fn insert(&self, origin: &Origin, names: &[Route], now: Timestamp) {
        let key = self.key_of(origin, names);
        let mut until = self.lock();
        if until.len() >= LENGTH_MAX {
            until.retain(|_, until| now < *until);
        }
        if until.len() >= LENGTH_MAX {
            until.clear();
        }
        until.insert(key, now.plus_seconds(SECONDS));
    }

    fn key_of(&self, origin: &Origin, names: &[Route]) -> u64 {
        let names: Vec<_> = names
            .iter()
            .map(|name| (name.kind(), name.name()))
            .collect();
        self.hasher.hash_one((origin, names))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Timestamp>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{LENGTH_MAX, RecentOrigins, SECONDS};
    use keyward_model::{Route, Timestamp};

    #[test]
    fn a_yes_is_remembered_for_its_question_and_a_few_seconds() {
        let recent = RecentOrigins::default();
        let origin = "https://app.example".parse().unwrap();
        let other = "https://other.example".parse().unwrap();
        let names = [Route::Slug("demo".parse().unwrap())];
        let now = Timestamp::from_micros(0);
        recent.insert(&origin, &names, now);
        assert!(recent.contains(&origin, &names, now));
        assert!(!recent.contains(&origin, &[], now));
        assert!(!recent.contains(&other, &names, now));
        assert!(!recent.contains(&origin, &names, now.plus_seconds(SECONDS)));
        for number in 0..2 * LENGTH_MAX {
            let origin = format!("https://{number}.example").parse().unwrap();
            recent.insert(&origin, &[], now);
        }
        assert!(recent.lock().len() <= LENGTH_MAX);
    }
}
