//! Two devices that talk, over their stores.

mod bad_input;
mod conversations;
mod delivery;
mod rules;
mod world;
