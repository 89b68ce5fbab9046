//! Decides whether a principal may do an action on a resource.
//!
//! A decision is a [`Permit`], and only [`decide`] makes one: whoever holds it was allowed. What it is not: it reads no
//! store, waits for nothing, and knows no request. The fixed table of roles in [`Action::rule`] is replaced by tenants'
//! own policies later; this seam stays.
//!
//! Invariants:
//! - what no rule allows is denied;
//! - what is another tenant's is denied to every user, whatever the rule; so is governing the instance.

mod action;
mod decision;

pub use action::{Action, Permission, Rule};
pub use decision::{Denied, Permit, Resource, TokenFacts, actions_of, decide, may_ever};
