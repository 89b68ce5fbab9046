//! Logs, on standard error: JSON for machines, plain lines on a terminal. And traces, where they are asked for.

use crate::config::{Config, ConfigError, Log, LogFormat};
use crate::traces::Traces;
use keyward_model::SPANS;
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// Begins to log, and to trace.
pub(crate) fn start(config: &Config) -> Result<Option<Traces>, ConfigError> {
    let traces = Traces::start(&config.traces)?;
    let lines = lines(&config.log);
    let filter = config.log.filter()?;
    let started = match &traces {
        // One filter for all, which is cheaper than one for each layer.
        None => Registry::default().with(lines).with(filter).try_init(),
        Some(traces) => {
            let spans = tracing_opentelemetry::layer()
                .with_tracer(traces.tracer())
                .with_location(false)
                .with_threads(false)
                .with_filter(
                    Targets::new()
                        .with_target(SPANS, LevelFilter::TRACE)
                        .with_target("keyward_api::middleware::finish", LevelFilter::INFO),
                );
            Registry::default()
                .with(lines.with_filter(filter))
                .with(spans)
                .try_init()
        }
    };
    started.map_err(|error| ConfigError(format!("log: {error}")))?;
    Ok(traces)
}

fn lines<S>(log: &Log) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = fmt::layer().with_writer(std::io::stderr);
    let pretty = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    match pretty {
        true => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
        false => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
    }
}
