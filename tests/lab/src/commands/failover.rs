//! `cargo lab bench failover`: eight processes and a provider that fails. It ends with 1 if a figure misses its target.

use std::process::ExitCode;

use super::targets::{Must, judge, show_missed};
use super::{ended, print};
use crate::failover::{FAILURES, REQUESTS, TOGETHER, measure, work};
use clap::Args;

/// By all processes together, the dead provider is asked so often at most.
const MOST_TO_THE_DEAD: f64 = 2.0;

/// Whether for a machine.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only failures whose name begins so
    #[arg(long, default_value = "")]
    only: String,
    /// One of the processes: reads what it shall do from its input
    #[arg(long, hide = true)]
    worker: bool,
}

pub(super) fn failover(arguments: &Arguments) -> ExitCode {
    if arguments.worker {
        return ended(work());
    }
    let mut report = match measure(&arguments.only) {
        Ok(report) => report,
        Err(error) => return ended(Err(error)),
    };
    let is_met = judge(&mut report, targets(&arguments.only));
    if arguments.json {
        print(&format!("{report:#}"));
    } else {
        for (name, value) in report["failures"].as_object().into_iter().flatten() {
            print(&format!("{name:<22} {value}"));
        }
        show_missed(&report);
    }
    ExitCode::from(u8::from(!is_met))
}

fn targets(only: &str) -> Vec<(String, Must)> {
    let mut targets = Vec::new();
    let mut must = |failure: &str, figure: &str, must: Must| {
        if failure.starts_with(only) {
            targets.push((format!("/failures/{failure}/{figure}"), must));
        }
    };
    let all = Must::Be(REQUESTS as f64);
    for failure in &FAILURES {
        must(failure.name, "calls_to_the_dead", Must::BeAtMost(MOST_TO_THE_DEAD));
        must(failure.name, "answered_by_a_model", all);
        must(failure.name, "recognised", Must::Be(1.0));
        must(
            failure.name,
            "most_failing_calls_of_a_request",
            Must::BeAtMost(f64::from(engine::MAX_ATTEMPTS)),
        );
    }
    for (name, is_busy) in TOGETHER {
        let most = if is_busy { engine::MAX_FAILING_CALLS } else { engine::MAX_ATTEMPTS };
        must(name, "ended", all);
        must(name, "answered_by_a_model", Must::Be(0.0));
        must(name, "most_failing_calls_of_a_request", Must::BeAtMost(f64::from(most)));
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_targets() {
        let all = targets("");
        assert_eq!(all.len(), FAILURES.len() * 4 + TOGETHER.len() * 3);
        assert!(targets("429").iter().all(|(path, _)| path.starts_with("/failures/429")));
        let mut empty = serde_json::json!({});
        assert!(!judge(&mut empty, all));
    }
}
