//! Nodes: the processes that serve one instance.

use crate::{NodeId, Timestamp};

/// A process that serves the instance, as the others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Names it.
    pub id: NodeId,
    /// What its operator calls it; several may have one name, one after the other.
    pub name: String,
    /// Of Keyward.
    pub version: String,
    /// By its own clock.
    pub started_at: Timestamp,
    /// When it last said that it lives, by its own clock: to be shown, and nothing rests on it.
    pub seen_at: Timestamp,
}
