//! Counters whose figures are known are stored over several rows, read as a tenant's are, and judged.

use futures::FutureExt as _;

use super::probe::{Probe, ensure};
use super::{Check, Finding};
use crate::error::Result;
use crate::figures;
use crate::model::{Counters, Histogram, NanoUsd};
use crate::performance::{Verdict, figures as judged};
use crate::ports::{Key, Row, Settings};

const NAME: &str = "performance_validator";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: false,
    about: "known counters are stored, read and judged: the five figures must come out as reckoned by hand",
    run: |probe| check(probe).boxed(),
};

/// The figures of [`known`] in the order they are told, and whether they meet their targets.
const EXPECTED: [(&str, f64, Verdict); 5] = [
    ("hit_rate", 90.0, Verdict::Met),
    ("p95_ms", 462.5, Verdict::Missed),
    ("error_rate", 2.0, Verdict::Missed),
    ("cost_per_request", 0.05, Verdict::Met),
    ("coordination_efficiency", 75.0, Verdict::Missed),
];

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let tenant = probe.tenant(NAME);
    let keys = [0, figures::SHARDS - 1].map(|shard| Key::Counters(tenant.clone(), shard));
    probe.create(keys.clone().map(|key| (key, Row::Counters(known())))).await?;
    let read = figures::read(probe.ports, &tenant).await;
    let deleted = probe.delete(keys).await;
    let settings = Settings {
        daily_budget: NanoUsd::from_usd(1),
        monthly_budget: None,
        run_cap: None,
        waiting_hour: NanoUsd::ZERO,
    };
    for (figure, (name, value, verdict)) in judged(&read?, &settings).iter().zip(EXPECTED) {
        let right = figure.name == name
            && figure.verdict == verdict
            && figure.value.is_some_and(|found| (found - value).abs() < 1e-9);
        ensure(right, || {
            format!(
                "{name} came out as {:?} ({:?}), not as {value} ({verdict:?})",
                figure.value, figure.verdict
            )
        })?;
    }
    deleted?;
    Ok(Finding::pass(format!("{} known figures came out right from stored counters", EXPECTED.len())))
}

/// Half of it all: it is stored twice.
fn known() -> Counters {
    let steps = Histogram { buckets: [(7, 90), (8, 60)].into(), sum_ms: 30_000, count: 150 };
    let runs = Histogram { buckets: [(12, 10)].into(), sum_ms: 80_000, count: 10 };
    Counters {
        runs: [("complete".to_owned(), 10)].into(),
        steps: [("agent/ok".to_owned(), 147), ("agent/failed".to_owned(), 3)].into(),
        recall_lookups: 100,
        cache_hits: [("l1".to_owned(), 60), ("l2".to_owned(), 30)].into(),
        cost: NanoUsd::from_milli_usd(500),
        step_ms: [("agent".to_owned(), steps)].into(),
        level_ms: [("standard".to_owned(), runs)].into(),
        makespan_ms: 80_000,
        critical_path_ms: 60_000,
        ..Counters::default()
    }
}
