//! `cargo lab bench money`: whether budgets hold under two hundred calls at once, and how much of them is of use.

use std::process::ExitCode;

use clap::Args;
use engine::ports::Clock as _;

use super::print;

/// Of its cap a run makes use of this part at least.
const LEAST_UTILISATION: f64 = 0.95;

/// How many calls, and whether for a machine.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Calls to make
    #[arg(long, default_value_t = 100_000)]
    calls: u64,
    /// Which kills and which repeats
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Plays and prints; ends with 1 if money was overspent, a sum differs, too little was of use, or two runs met.
pub(super) fn money(arguments: &Arguments) -> ExitCode {
    let began_ms = boot::SystemClock.now_ms();
    let figures = match crate::money::play(arguments.calls, arguments.seed) {
        Ok(figures) => figures,
        Err(error) => {
            print(&format!("not measured: {error}"));
            return ExitCode::FAILURE;
        }
    };
    if arguments.json {
        print(&serde_json::json!(figures).to_string());
    } else {
        print(&format!(
            "{} calls in {} runs, 200 in flight, {} callers killed, {} requests repeated ({:.0} s)",
            figures.calls,
            figures.runs,
            figures.kills,
            figures.repeats,
            (boot::SystemClock.now_ms() - began_ms) as f64 / 1_000.0
        ));
        print(&format!(
            "overspent at most {} nano-dollars over {} instants; sums that differ: {}",
            figures.overspend_nano_usd, figures.instants, figures.sums_that_differ
        ));
        print(&format!(
            "of its cap a run made use of {:.2} % on the mean, {:.2} % at least; {:.2} % where nothing was learned yet",
            figures.utilisation_mean * 100.0,
            figures.utilisation_worst * 100.0,
            figures.utilisation_first_runs * 100.0
        ));
        print(&format!(
            "writes that two runs of one tenant cancelled of each other: {} in {} calls; two callers in one run: {} in {}",
            figures.between_runs.conflicts,
            figures.between_runs.calls,
            figures.within_a_run.conflicts,
            figures.within_a_run.calls
        ));
    }
    let is_wrong = figures.overspend_nano_usd > 0
        || figures.sums_that_differ > 0
        || figures.utilisation_worst < LEAST_UTILISATION
        || figures.between_runs.conflicts > 0;
    ExitCode::from(u8::from(is_wrong))
}
