//! `cargo lab bench limits`: whether rates hold under processes that try to get more, how fast they are, and what happens when
//! Redis is gone. It ends with 1 if a figure misses its target; those of speed are for an optimised build on a quiet machine.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::targets::Must::{self, Be, BeAtLeast, BeAtMost};
use super::{ended, tell};
use crate::rates::{Extent, measure, work};

/// What the figures must be.
const TARGETS: [(&str, Must); 18] = [
    ("/overshoot/assay", BeAtMost(1.0)),
    ("/overshoot/assay_greedy", BeAtMost(1.0)),
    ("/exact/greedy_share_of_limit", BeAtLeast(0.98)),
    ("/exact/units_lost_or_made", Be(0.0)),
    ("/get_ratio", BeAtLeast(0.3)),
    ("/decisions_per_s", BeAtLeast(12_000.0)),
    ("/p50_ratio", BeAtMost(2.0)),
    ("/speed/limits_per_call", Be(8.0)),
    ("/outage/killed/overshoot", BeAtMost(1.05)),
    ("/outage/killed/availability", BeAtLeast(0.999)),
    ("/outage/killed/goodput_after_first_span", BeAtLeast(0.8)),
    ("/outage/killed/decision_p99_ms", BeAtMost(2.0)),
    ("/outage/killed/reconciled_within_ms", BeAtMost(1_000.0)),
    ("/outage/frozen/overshoot", BeAtMost(1.05)),
    ("/outage/frozen/availability", BeAtLeast(0.999)),
    ("/outage/frozen/goodput_after_first_span", BeAtLeast(0.8)),
    ("/outage/frozen/decision_p99_ms", BeAtMost(2.0)),
    ("/outage/frozen/reconciled_within_ms", BeAtMost(1_000.0)),
];

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
    /// A Python that may have limiters of other projects: the packages limits, throttled-py, litellm and redis
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
    tell(measure(&Extent { schedules, speed_ms, outage_ms, python }), &TARGETS, arguments.json, 18)
}
