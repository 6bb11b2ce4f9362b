//! What the counters advise. A recommendation stands on a number of samples and names the counters it was read from; where
//! there are too few, nothing is advised.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::{Evidence, Figure, Verdict, WINDOW, failed_steps, percent};
use crate::error::ErrorKind;
use crate::model::Counters;

/// Under so many samples of its own a part is not singled out.
const LEAST_SAMPLES: u64 = 30;

/// A kind of error that was seen less often may be chance.
const LEAST_ERRORS: u64 = 3;

/// At most so many parts are singled out for one figure.
const MOST_PARTS: usize = 3;

/// Something to change, and what says so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// The figure that it is about.
    pub figure: &'static str,
    /// What to change, for people.
    pub advice: String,
    /// What it was measured over.
    pub window: &'static str,
    /// How many samples say so.
    pub samples: u64,
    /// What it was read from.
    pub evidence: Evidence,
}

/// What to change for the figures that miss their target.
pub fn recommendations(counters: &Counters, figures: &[Figure]) -> Vec<Recommendation> {
    let missed = figures.iter().filter(|figure| figure.verdict == Verdict::Missed);
    missed
        .flat_map(|figure| match figure.name {
            "hit_rate" => vec![recall_more(figure)],
            "p95_ms" => slow_agents(counters, figure),
            "error_rate" => frequent_errors(counters),
            "cost_per_request" => vec![spend_less(counters, figure)],
            "coordination_efficiency" => vec![wait_less(counters, figure)],
            _ => Vec::new(),
        })
        .collect()
}

fn recall_more(figure: &Figure) -> Recommendation {
    let advice = format!(
        "{:.1} % of the look-ups found a stored answer. Only equal requests are found: run the same content under the same \
         depth and model, and leave stored answers on (`use_cache`, no `--fresh`)",
        figure.value.unwrap_or_default()
    );
    about(figure.name, advice, figure.samples, figure.evidence.clone())
}

fn slow_agents(counters: &Counters, figure: &Figure) -> Vec<Recommendation> {
    let total_ms: u64 = counters.step_ms.values().map(|steps| steps.sum_ms).sum();
    let mut slow: Vec<_> = counters
        .step_ms
        .iter()
        .filter_map(|(agent, steps)| Some((agent, steps, steps.quantile(0.95)?)))
        .filter(|(_, steps, p95_ms)| steps.count >= LEAST_SAMPLES && *p95_ms > figure.target)
        .collect();
    slow.sort_by_key(|(_, steps, _)| std::cmp::Reverse(steps.sum_ms));
    let advise = |(agent, steps, p95_ms): (&String, &crate::model::Histogram, f64)| {
        let share = percent(steps.sum_ms, total_ms).unwrap_or_default();
        let advice = format!(
            "{agent} takes {:.0} ms on average and {p95_ms:.0} ms at the 95th percentile, {share:.0} % of all steps' time: \
             give its tier a faster model",
            steps.sum_ms as f64 / steps.count as f64
        );
        let values = json!({ "steps": steps.count, "sum_ms": steps.sum_ms, "all_sum_ms": total_ms });
        let query = format!(".counters.step_ms[\"{agent}\"]");
        about(figure.name, advice, steps.count, Evidence { query, values })
    };
    slow.into_iter().take(MOST_PARTS).map(advise).collect()
}

fn frequent_errors(counters: &Counters) -> Vec<Recommendation> {
    let failed = failed_steps(counters);
    let mut kinds: Vec<_> =
        counters.step_errors.iter().filter(|(_, count)| **count >= LEAST_ERRORS).collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let advise = |(kind, count): (&String, &u64)| {
        let share = percent(*count, failed).unwrap_or_default();
        let agents = failing_agents(counters);
        let advice = format!(
            "{count} of {failed} failed steps ({share:.0} %) ended with {kind}: {}. Most failures: {agents}",
            ErrorKind::from_name(kind).map_or("an error that this version does not know", remedy)
        );
        let values = json!({ "failed": failed, "of_this_kind": count });
        let query = format!(".counters.step_errors[\"{kind}\"]");
        about("error_rate", advice, *count, Evidence { query, values })
    };
    kinds.into_iter().take(MOST_PARTS).map(advise).collect()
}

fn failing_agents(counters: &Counters) -> String {
    let failed =
        counters.steps.iter().filter_map(|(name, count)| Some((name.strip_suffix("/failed")?, *count)));
    let mut failed: Vec<_> = failed.collect::<BTreeMap<_, _>>().into_iter().collect();
    failed.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let named = failed.iter().take(MOST_PARTS).map(|(agent, count)| format!("{agent} ({count})"));
    named.collect::<Vec<_>>().join(", ")
}

fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Timeout => {
            "runs reached their deadline before these steps did; look at the queues and the model's latency"
        }
        ErrorKind::Network | ErrorKind::ModelUnavailable => {
            "the model's provider could not be reached; look at its status"
        }
        ErrorKind::ModelRejected | ErrorKind::Unauthorized | ErrorKind::Forbidden => {
            "the model's provider refused the request; look at the key and the model's name"
        }
        ErrorKind::RateLimited | ErrorKind::Quota => {
            "rates or quotas are too small for the load; raise them or spread the runs"
        }
        ErrorKind::Storage => "the store failed; look at its errors and throttles",
        ErrorKind::Internal | ErrorKind::Configuration => {
            "this is a fault of the platform or of its setup; look at the log"
        }
        _ => "look at the runs that failed for their own words",
    }
}

fn spend_less(counters: &Counters, figure: &Figure) -> Recommendation {
    let usage = &counters.usage;
    let cached = percent(usage.cached_tokens, usage.prompt_tokens()).unwrap_or_default();
    let advice = format!(
        "a run costs ${:.4} on average. {cached:.0} % of the input tokens were read from the provider's own cache; choose a \
         cheaper model for the standard tier, or a lower depth where claims need no check",
        figure.value.unwrap_or_default()
    );
    about(figure.name, advice, figure.samples, figure.evidence.clone())
}

fn wait_less(counters: &Counters, figure: &Figure) -> Recommendation {
    let idle_ms = counters.makespan_ms.saturating_sub(counters.critical_path_ms);
    let advice = format!(
        "of {} ms that runs took, steps waited {idle_ms} ms for something else than their inputs: raise the concurrency of the \
         agents' queues (ASSAY_CONCURRENCY here, MaximumConcurrency on AWS), or the rates of the model",
        counters.makespan_ms
    );
    about(figure.name, advice, figure.samples, figure.evidence.clone())
}

fn about(figure: &'static str, advice: String, samples: u64, evidence: Evidence) -> Recommendation {
    Recommendation { figure, advice, window: WINDOW, samples, evidence }
}
