//! `cargo lab bench limits`: whether rates hold under processes that try to get more, how fast they are, and what happens when
//! Redis is gone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{ended, tell};
use crate::rates::{Extent, measure, work};

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Random schedules from eight processes
    #[arg(long, default_value_t = 10_000)]
    schedules: u64,
    /// Milliseconds for which each rate of calls is measured
    #[arg(long, default_value_t = 12_000)]
    speed_ms: u64,
    /// How long Redis is gone, in milliseconds
    #[arg(long, default_value_t = 8_000)]
    outage_ms: u64,
    /// A Python that may have limiters of other projects: the packages limits, throttled-py and redis
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// One of the processes: reads what it shall do from its input
    #[arg(long, hide = true)]
    worker: bool,
}

pub(super) fn limits(arguments: &Arguments) -> ExitCode {
    let Arguments { schedules, speed_ms, outage_ms, .. } = *arguments;
    if arguments.worker {
        return ended(work());
    }
    let python = arguments.python.clone();
    tell(measure(&Extent { schedules, speed_ms, outage_ms, python }), arguments.json, 18)
}
