//! `cargo lab bench cache`: how fast stored answers are, whether one asks for all, and what happens when Redis is gone.
//! It ends with 1 if a figure misses its target.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::targets::Must::{self, Be, BeAtLeast, BeAtMost};
use super::{ended, tell};
use crate::answers::{Extent, measure, work};

/// What the figures must be.
const TARGETS: [(&str, Must); 17] = [
    ("/speed/near_us/p99", BeAtMost(50.0)),
    ("/speed/p50_ratio", BeAtMost(1.3)),
    ("/by_meaning/served", BeAtLeast(100.0)),
    ("/by_meaning/p95_ms", BeAtMost(12.0)),
    ("/stampede/calls", Be(1.0)),
    ("/stampede/failed", Be(0.0)),
    ("/leader_killed/calls", BeAtMost(2.0)),
    ("/leader_killed/calls", BeAtLeast(1.0)),
    ("/leader_killed/failed", Be(0.0)),
    ("/outage/frozen/failed", Be(0.0)),
    ("/outage/frozen/steps_in_outage", BeAtLeast(1.0)),
    ("/outage/frozen/added_worst_ms", BeAtMost(25.0)),
    ("/outage/frozen/used_again_after_ms", BeAtMost(5_000.0)),
    ("/outage/killed/failed", Be(0.0)),
    ("/outage/killed/steps_in_outage", BeAtLeast(1.0)),
    ("/outage/killed/added_worst_ms", BeAtMost(25.0)),
    ("/outage/killed/used_again_after_ms", BeAtMost(5_000.0)),
];

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
    /// A Python that may have caches of other projects: the packages gptcache and litellm
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// One of the processes: reads what it shall do from its input
    #[arg(long, hide = true)]
    worker: bool,
}

pub(super) fn cache(arguments: &Arguments) -> ExitCode {
    let Arguments { look_ups, askers, outage_ms, .. } = *arguments;
    if arguments.worker {
        return ended(work());
    }
    let python = arguments.python.clone();
    tell(measure(&Extent { look_ups, askers, outage_ms, python }), &TARGETS, arguments.json, 14)
}
