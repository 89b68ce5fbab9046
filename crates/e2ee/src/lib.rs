//! End-to-end encryption for clients: sessions between two devices, sender keys for groups, safety numbers.
//!
//! What it is not: nothing here waits, reads a clock, draws randomness of its own, or knows of a server. Randomness
//! (`rng`) and time (`now`) are arguments. No cryptographic primitive is written here but XEdDSA, which is arithmetic on
//! `curve25519-dalek`. It is **not independently audited**.
//!
//! Invariants:
//! - secrets have types of their own, are wiped when dropped, compared in constant time and never shown by `Debug`;
//! - no input makes it panic or take unbounded memory;
//! - state is a value: load it, act, store it. Nothing changes before the message's MAC holds.

#[cfg(test)]
mod fixture;
pub mod kdf;
pub mod kem;
pub mod keys;
pub mod spqr;
pub mod symmetric;
pub mod xeddsa;
