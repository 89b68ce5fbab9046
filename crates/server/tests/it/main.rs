//! The binary `keyward` as a process: what an operator meets. Files, signals, exit codes, what it prints and what it never
//! prints, on both engines where they differ.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails here is a test"
)]

mod backup;
mod breach_list;
mod countries;
mod doctor;
mod event_file;
mod first_start;
mod garbage;
mod http;
mod instance;
mod killed;
mod killed_job;
mod killed_refresh;
mod locks;
mod logs;
mod metrics;
mod nodes;
mod operator;
mod output;
mod process;
mod restored;
mod roles;
mod root_key;

mod settings;
mod shutdown;
mod skip;
mod slow_clients;
mod streams;
mod tls;
mod traces;
