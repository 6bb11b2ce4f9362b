//! The performance validator: five figures over a tenant's ended runs, each held against its target with the number of
//! samples it stands on.
//!
//! The figures are those of the dashboard, from the same facts:
//!
//! | figure | what | target | unknown under |
//! |---|---|---|---|
//! | `hit_rate` | stored answers used, of those looked for | 85 % or more | 100 look-ups |
//! | `p95_ms` | 95th percentile of how long steps took that were not skipped, all agents together | 200 ms or less | 100 steps |
//! | `error_rate` | failed steps, of all steps | 1 % or less | 300 steps |
//! | `cost_per_request` | money of a run on average | half of what its depth may spend, or less | 10 runs |
//! | `coordination_efficiency` | critical path of the steps, of the runs' makespan | 80 % or more | 10 runs |
//!
//! A step that asks a model takes as long as its model does, so `p95_ms` is met where 95 of 100 steps are answered by rules or
//! from stored answers; it says how far a deployment is from that, not that a model is slow. Under 300 steps an error rate
//! of 1 % cannot be told from none. Half of the cap leaves the largest runs room before their claims go unchecked.

mod advice;
mod savings;

use serde::Serialize;
use serde_json::{Value, json};

pub use advice::{Recommendation, recommendations};
pub use savings::{Advised, Kind, Saving, savings};

use crate::error::Result;
use crate::model::{Counters, Depth, Histogram, NanoUsd, TenantId};
use crate::ports::{Ports, Settings};

/// What the figures are over: counters have no end.
pub const WINDOW: &str = "all ended runs of the tenant";

const TARGET_HIT_RATE_PERCENT: f64 = 85.0;

/// A figure against its target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// `%`, `ms` or `USD`.
    pub unit: &'static str,
    /// What was measured; `None` without a sample.
    pub value: Option<f64>,
    /// The target.
    pub target: f64,
    /// Which side of the target is good.
    pub good: Side,
    /// How many look-ups, steps or runs it stands on.
    pub samples: u64,
    /// Under so many samples nothing is said.
    pub needed: u64,
    /// What comes of it.
    pub verdict: Verdict,
    /// What it was reckoned from.
    pub evidence: Evidence,
}

/// Which side of a target is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The target or more.
    AtLeast,
    /// The target or less.
    AtMost,
}

/// How a figure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// On the good side.
    Met,
    /// On the other.
    Missed,
    /// Too few samples.
    Unknown,
}

/// How a reader gets to the same number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// A filter for `jq` over the answer of `GET /optimizations`.
    pub query: String,
    /// The counters it takes, as they stood.
    pub values: Value,
}

/// A tenant's counters and its five figures, under the cap its runs have. Errors: `Storage`.
pub async fn of_tenant(ports: &Ports, tenant: &TenantId) -> Result<(Counters, [Figure; 5])> {
    let counters = crate::figures::read(ports, tenant).await?;
    let own = crate::tenant_settings(ports, tenant).await?;
    let run_cap = ports.settings.run_cap_of(&own);
    let figures = figures(&counters, &Settings { run_cap, ..ports.settings.clone() });
    Ok((counters, figures))
}

/// The five figures, in the order of the table above.
pub fn figures(counters: &Counters, settings: &Settings) -> [Figure; 5] {
    [
        hit_rate(counters),
        p95(counters),
        error_rate(counters),
        cost_per_request(counters, settings),
        coordination_efficiency(counters),
    ]
}

fn hit_rate(counters: &Counters) -> Figure {
    let (hits, lookups) = (counters.cache_hits.values().sum(), counters.recall_lookups);
    Draft {
        name: "hit_rate",
        about: "stored answers used, of those looked for",
        unit: "%",
        value: percent(hits, lookups),
        target: TARGET_HIT_RATE_PERCENT,
        good: Side::AtLeast,
        samples: lookups,
        needed: 100,
    }
    .with(
        "100 * ([.counters.cache_hits[]] | add // 0) / .counters.recall_lookups",
        json!({ "cache_hits": hits, "recall_lookups": lookups }),
    )
}

fn p95(counters: &Counters) -> Figure {
    let mut all = Histogram::default();
    counters.step_ms.values().for_each(|steps| all += steps);
    Draft {
        name: "p95_ms",
        about: "how long steps took that were not skipped: 95 of 100 no longer than this",
        unit: "ms",
        value: all.quantile(0.95),
        target: 200.0,
        good: Side::AtMost,
        samples: all.count,
        needed: 100,
    }
    .with(
        ".counters.step_ms",
        json!({ "steps": all.count, "bounds_ms": Histogram::BOUNDS_MS, "at_most": all.cumulative() }),
    )
}

fn error_rate(counters: &Counters) -> Figure {
    let steps = counters.steps.values().sum();
    let failed = failed_steps(counters);
    Draft {
        name: "error_rate",
        about: "failed steps, of all steps",
        unit: "%",
        value: percent(failed, steps),
        target: 1.0,
        good: Side::AtMost,
        samples: steps,
        needed: 300,
    }
    .with(
        "100 * ([.counters.steps | to_entries[] | select(.key | endswith(\"/failed\")) | .value] | add // 0) \
         / ([.counters.steps[]] | add)",
        json!({ "failed": failed, "steps": steps }),
    )
}

fn cost_per_request(counters: &Counters, settings: &Settings) -> Figure {
    let runs = runs(counters);
    let cost = counters.net_cost();
    Draft {
        name: "cost_per_request",
        about: "money of a run on average",
        unit: "USD",
        value: (runs > 0).then(|| usd(cost) / runs as f64),
        target: mean_cap_usd(counters, settings) / 2.0,
        good: Side::AtMost,
        samples: runs,
        needed: 10,
    }
    .with(
        "(.counters.cost - (.counters.cost_returned // 0)) / 1e9 / ([.counters.runs[]] | add)",
        json!({ "cost_nano_usd": cost, "runs": runs }),
    )
}

fn coordination_efficiency(counters: &Counters) -> Figure {
    let (path_ms, makespan_ms) = (counters.critical_path_ms, counters.makespan_ms);
    Draft {
        name: "coordination_efficiency",
        about: "the critical path of the steps, of the time the runs took",
        unit: "%",
        value: percent(path_ms, makespan_ms),
        target: 80.0,
        good: Side::AtLeast,
        samples: if makespan_ms > 0 { runs(counters) } else { 0 },
        needed: 10,
    }
    .with(
        "100 * .counters.critical_path_ms / .counters.makespan_ms",
        json!({ "critical_path_ms": path_ms, "makespan_ms": makespan_ms }),
    )
}

/// A figure before its verdict.
struct Draft {
    name: &'static str,
    about: &'static str,
    unit: &'static str,
    value: Option<f64>,
    target: f64,
    good: Side,
    samples: u64,
    needed: u64,
}

impl Draft {
    fn with(self, query: &str, values: Value) -> Figure {
        let Self { name, about, unit, value, target, good, samples, needed } = self;
        let verdict = match value.filter(|_| samples >= needed) {
            None => Verdict::Unknown,
            Some(value) if good == Side::AtLeast && value < target => Verdict::Missed,
            Some(value) if good == Side::AtMost && value > target => Verdict::Missed,
            Some(_) => Verdict::Met,
        };
        let evidence = Evidence { query: query.to_owned(), values };
        Figure { name, about, unit, value, target, good, samples, needed, verdict, evidence }
    }
}

/// So many of a hundred; `None` of nothing.
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

fn usd(amount: NanoUsd) -> f64 {
    amount.0 as f64 / 1e9
}

fn runs(counters: &Counters) -> u64 {
    counters.runs.values().sum()
}

fn failed_steps(counters: &Counters) -> u64 {
    counters.steps.iter().filter(|(name, _)| name.ends_with("/failed")).map(|(_, count)| count).sum()
}

/// What the ended runs might have spent at most, on average; of the standard depth where none has ended.
fn mean_cap_usd(counters: &Counters, settings: &Settings) -> f64 {
    let cap = |depth: Depth| usd(settings.run_cap.map_or(depth.cap(), |own| own.min(depth.cap())));
    let by_depth = Depth::ALL.map(|depth| {
        let runs = counters.level_ms.get(depth.name()).map_or(0, |runs| runs.count);
        (cap(depth), runs as f64)
    });
    let runs: f64 = by_depth.iter().map(|(_, runs)| runs).sum();
    if runs == 0.0 {
        return cap(Depth::Standard);
    }
    by_depth.iter().map(|(cap, runs)| cap * runs).sum::<f64>() / runs
}

#[cfg(test)]
mod tests;
