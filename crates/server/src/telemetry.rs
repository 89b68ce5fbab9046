//! Logs, on standard error: JSON for machines, plain lines on a terminal.

use crate::config::{ConfigError, Log, LogFormat};
use std::io::IsTerminal;

/// Begins to log.
pub(crate) fn start(log: &Log) -> Result<(), ConfigError> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(log.filter()?)
        .with_writer(std::io::stderr);
    let pretty = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let started = match pretty {
        true => subscriber
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        false => subscriber
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    started.map_err(|error| ConfigError(format!("log: {error}")))
}
