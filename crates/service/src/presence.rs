//! Whether the client of a request still waits for its answer.

use std::sync::{Arc, Weak};

/// Whether somebody still waits. A change that has begun runs to its end all the same; work that only prepares one need not
/// be done for nobody.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    /// None where nobody can go away: at the command line, in a job.
    waiting: Option<Weak<()>>,
}

/// Held by whoever waits; dropped, they are gone.
#[derive(Debug)]
pub struct Waiting {
    _token: Arc<()>,
}

impl Presence {
    /// A client that can go away.
    pub fn begin() -> (Waiting, Self) {
        let token = Arc::new(());
        let waiting = Some(Arc::downgrade(&token));
        (Waiting { _token: token }, Self { waiting })
    }

    /// Whether nobody waits any more.
    pub fn is_over(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|token| token.strong_count() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Presence;

    #[test]
    fn it_ends_with_whoever_waits() {
        assert!(!Presence::default().is_over());
        let (waiting, presence) = Presence::begin();
        assert!(!presence.clone().is_over());
        drop(waiting);
        assert!(presence.is_over());
    }
}
