//! `cargo lab bench cache`: how fast stored answers are, whether one asks for all, and what happens when Redis is gone.

use std::process::ExitCode;

use clap::Args;

use super::{ended, tell};
use crate::answers::{Extent, measure, work};

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Look-ups of each kind
    #[arg(long, default_value_t = 10_000)]
    look_ups: usize,
    /// Steps in eight processes that ask the same at once
    #[arg(long, default_value_t = 1_000)]
    askers: usize,
    /// How long Redis is gone, in milliseconds
    #[arg(long, default_value_t = 4_000)]
    outage_ms: u64,
    /// One of the processes: reads what it shall do from its input
    #[arg(long, hide = true)]
    worker: bool,
}

pub(super) fn cache(arguments: &Arguments) -> ExitCode {
    let Arguments { look_ups, askers, outage_ms, .. } = *arguments;
    if arguments.worker {
        return ended(work());
    }
    tell(measure(&Extent { look_ups, askers, outage_ms }), arguments.json, 14)
}
