//! `cargo lab bench routing`: what learning which model to ask is worth, on pairs of models whose quality and price are known.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::print;
use crate::routing::{Outcome, Report, choice_us, measure};

/// Other projects that choose between models.
const PEERS: [&str; 2] = ["litellm", "routellm"];

/// How much, and whether for a machine.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Seeds of each pair
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// Steps of each seed
    #[arg(long, default_value_t = 8_000)]
    steps: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Plays and prints; ends with 1 if in more than 5 % of a pair's seeds a model under the floor was used.
pub(super) fn routing(arguments: &Arguments) -> ExitCode {
    let Arguments { seeds, steps, json } = *arguments;
    let reports = measure(seeds, steps);
    let [median_us, p99_us] = choice_us();
    let is_held = reports.iter().all(|report| report.seeds_under_the_floor * 20 <= seeds);
    if json {
        let peers: serde_json::Map<String, serde_json::Value> =
            PEERS.iter().map(|peer| ((*peer).to_owned(), json!("not run"))).collect();
        let report = json!({
            "seeds": seeds, "steps": steps, "pairs": reports, "floor_held": is_held,
            "choice_us": { "median": median_us, "p99": p99_us }, "peers": peers,
        });
        print(&report.to_string());
    } else {
        reports.iter().for_each(|report| tell(report, seeds, steps));
        print(&format!(
            "a choice takes {median_us:.0} us on the median, {p99_us:.0} us at the 99th percentile"
        ));
        PEERS.iter().for_each(|peer| print(&format!("{peer}: not run")));
    }
    ExitCode::from(u8::from(!is_held))
}

fn tell(report: &Report, seeds: u64, steps: u32) {
    let Report { pair, true_quality: [strong, other], usd, .. } = report;
    let side = if report.holds_the_floor { "holds the floor" } else { "is under the floor" };
    print(&format!(
        "{pair}: usable {strong} at ${}, {other} at ${}, which {side}; {seeds} seeds of {steps} steps",
        usd[0], usd[1]
    ));
    let line = |name: &str, outcome: &Outcome| {
        let Outcome { strong_share, quality, usd_per_1000, regret } = outcome;
        print(&format!(
            "  {name:<20} strong {:>5.1} %  usable {:>5.2} %  ${usd_per_1000:>6.3} a thousand  regret {:>7.1} %",
            strong_share * 100.0,
            quality * 100.0,
            regret * 100.0
        ));
    };
    line("learned", &report.learned);
    line("its last quarter", &report.learned_in_the_end);
    line("always the strong", &report.always_strong);
    line("a coin", &report.random);
    line("who knows", &report.oracle);
    print(&format!(
        "  used although under the floor: {} seeds; explored at most {:.1} %",
        report.seeds_under_the_floor,
        report.explored_share_at_most * 100.0
    ));
}
