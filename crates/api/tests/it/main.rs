//! The API over HTTP: one file an endpoint, in folders that mirror the paths, and what holds for all of them beside.
//! Each test runs on both engines unless its name says why not.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails here is a test"
)]

mod bug_classes;
mod cross_origin;
mod docs;
mod headers;
mod health;
mod oauth2;
mod once;
mod openapi;
mod operator;
mod outage;
mod proxies;
mod rate_limit;
mod routes;
mod signing_keys;
mod strictness;
mod support;
mod tenancy;
mod transport;
mod v1;
mod well_known;
