//! The operator plane from both of its ends: the listeners that serve it, and the commands that ask it.

mod account;
mod ask;
mod guarded;
mod socket;
mod token;

pub(crate) use account::account_at_the_command_line;
pub(crate) use ask::{Ask, ask};
pub(crate) use guarded::{GuardedListener, token_of};
pub(crate) use socket::{OperatorSocket, connect};
pub(crate) use token::OperatorToken;
