//! What a use case's transaction returns: the answer, the decision that allowed it, and what happened.

use keyward_model::{Event, Principal};
use keyward_policy::Permit;

/// The outcome of a transaction that may change rows.
#[derive(Debug)]
#[must_use = "the events are recorded by `Cx::write`"]
pub struct Recorded<T> {
    pub(crate) value: T,
    pub(crate) permit: Permit,
    pub(crate) events: Vec<Event>,
    pub(crate) actor: Option<Principal>,
}

/// The outcome of a transaction that only reads.
#[derive(Debug)]
#[must_use = "the answer is given out by `Cx::read`"]
pub struct Disclosed<T> {
    pub(crate) value: T,
    pub(crate) permit: Permit,
}

impl<T> Recorded<T> {
    /// Something changed.
    pub fn new(permit: Permit, value: T, event: Event) -> Self {
        Self::all(permit, value, vec![event])
    }

    /// Several things changed, or none; if rows did, at least one event must be among them.
    pub fn all(permit: Permit, value: T, events: Vec<Event>) -> Self {
        Self {
            value,
            permit,
            events,
            actor: None,
        }
    }

    /// It was refused, and that is to be remembered: a value and no error, since an error would
    /// roll the record back.
    pub fn refused(permit: Permit, value: T, event: Event) -> Self {
        Self::new(permit, value, event)
    }

    /// Nothing changed. The store refuses to commit if something did.
    pub fn unchanged(permit: Permit, value: T) -> Self {
        Self::all(permit, value, Vec::new())
    }

    /// Who did it, where the request proves that only now: whoever signs in was nobody before.
    pub fn acting_as(mut self, actor: Principal) -> Self {
        self.actor = Some(actor);
        self
    }
}

impl<T> Disclosed<T> {
    /// The answer, and why it may be given.
    pub fn new(permit: Permit, value: T) -> Self {
        Self { value, permit }
    }
}
