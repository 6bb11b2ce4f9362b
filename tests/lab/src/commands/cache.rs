//! `cargo lab bench cache`: how fast stored answers are, whether one asks for all, and what happens when Redis is gone.

use std::process::ExitCode;

use clap::Args;

use super::print;
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
    ended(measure(&Extent { look_ups, askers, outage_ms }).map(|report| {
        if arguments.json {
            print(&format!("{report:#}"));
        } else {
            for (name, value) in report.as_object().into_iter().flatten() {
                print(&format!("{name:<14} {value}"));
            }
        }
    }))
}

fn ended(outcome: crate::stack::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
