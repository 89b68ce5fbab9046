//! The use cases of Keyward: what a caller can ask for, one function each, in modules by subject.
//!
//! All of them read alike: slow work first (hashing, keys), then one transaction that reads the facts, asks for a
//! [`keyward_policy::Permit`], changes rows and returns what happened as [`keyward_model::Event`]s. [`Cx`] is what they are
//! handed: who asks, in which tenant, at which moment.
//!
//! What it is not: it knows no HTTP and no SQL text.
//!
//! Invariants:
//! - a change without an event, or an answer without a permit, does not type-check ([`Recorded`], [`Disclosed`]);
//! - a denial is recorded in a transaction of its own;
//! - inside a transaction only SQL is awaited.

pub mod audit;
pub mod authentication;
pub mod client_authentication;
pub mod countries;
mod cx;
pub mod feed;
mod hashing;
pub mod instance;
mod instance_cx;
pub mod instance_events;
pub mod introspection;
pub mod invitations;
pub mod jobs;
mod keyring;
mod known_devices;
mod meter;
pub mod oauth_clients;
mod once;
mod opening;
pub mod origins;
mod outcome;
pub mod own_password;
mod parsed_keys;
pub mod passwords;
mod platform;
mod presence;
pub mod profile;
pub mod publishable_keys;
mod recording;
pub mod refresh;
pub mod registration;
pub mod restore;
pub mod revocation;
pub mod revocation_stream;
pub mod roles;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod signed_in;
mod signing;
pub mod signing_keys;
pub mod tenants;
mod throttling;
pub mod token_usage;
mod touches;
pub mod users;

pub use cx::{Cx, Owned, Refusal, TenantWide};
pub use hashing::{HashLimits, HashPool, HashingError};
pub use instance_cx::InstanceCx;
pub use keyring::{KeyringError, RootKey};
pub use keyward_store::{Error as StoreError, KnownSession, NodeReading, StoreReading};
pub use meter::{HashReading, ServiceReading};
pub use once::{DoneBefore, Keep, OnceAsked};
pub use outcome::{Disclosed, Recorded};
pub use platform::{Parts, Platform, Settings};
pub use presence::{Presence, Waiting};
pub use throttling::{ThrottlingSettings, TooManyAttempts};
