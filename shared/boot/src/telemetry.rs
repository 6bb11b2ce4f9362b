//! The log: one line per thing worth knowing, on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log at `level`, a filter such as `warn` or `engine=debug`. A filter that cannot be read is `warn`.
pub fn start_log(level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .finish();
    // A second start in one process keeps the first log.
    let _ = log.try_init();
}

/// The same log as one JSON object a line, for services that read logs.
pub fn start_json_log(level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .finish();
    // A second start in one process keeps the first log.
    let _ = log.try_init();
}
