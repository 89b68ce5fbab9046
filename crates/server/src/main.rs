//! `keyward`: the one binary. Configuration, command line, wiring, listening, shutting down.
//!
//! What it is not: it decides nothing about users or tenants; its commands call the same use cases as the API.
//!
//! Invariants:
//! - one process at a time changes a data folder (a lock on a file in it); a PostgreSQL database is any number's at once;
//! - the system clock and the OS generator are read here and nowhere else (`ambient`);
//! - a failure at start names the setting and the fix.

mod ambient;
mod archive;
mod background;
mod command_line;
mod commands;
mod config;
mod data_folder;
mod demo;
mod event_file;
mod exposition;
mod failure;
mod greeting;
mod hashing;
mod instance;
mod listener;
mod metrics;
mod operator;
mod output;
mod process;
mod telemetry;
mod tls;
mod traces;

use clap::Parser;
use command_line::CommandLine;
use failure::Failure;
use std::process::ExitCode;

/// A request makes and drops some dozens of small things: this allocator takes half as long for them as the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(commands::run(command_line)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                eprintln!("keyward: {text}");
            }
            failure.exit_code()
        }
    }
}
