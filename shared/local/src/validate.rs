//! The seventeen components, each exercised: the core services, the tools, the crew, performance, cost, and what keeps the
//! platform well. A component passes, fails, or is `unknown` because it is not there or works with a warning; each says what
//! was done and found, and what to do.
//!
//! - [`validate`] exercises them in this process, [`remote`] asks a deployed API for what it may be asked.
//! - To add a component: a line in [`COMPONENTS`] and one in [`validate`].

mod crew;
mod figures;
pub mod remote;
mod site;
mod tools;

use std::sync::Arc;

use engine::error::Result;
use engine::health::{self, Reading, Status, within};
use engine::model::TenantId;
use engine::ports::Ports;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join, join_all};
use serde::Serialize;

pub use site::Site;

/// All components, in the order they are told.
pub const COMPONENTS: [&str; 17] = [
    "step_result",
    "monitoring",
    "performance_validator",
    "cost_optimizer",
    "fact_check",
    "research",
    "download",
    "memory",
    "discord",
    "mcp_tools",
    "crew_configuration",
    "agent_count",
    "performance",
    "cost_optimisation",
    "distributed_rate_limiting",
    "advanced_caching",
    "health_checks",
];

/// The checks of [`engine::health`] that are components under their own or another name.
const CHECKED: [(&str, &str); 7] = [
    ("step_result", "step_result"),
    ("monitoring", "monitoring"),
    ("performance_validator", "performance_validator"),
    ("cost_optimizer", "cost_optimizer"),
    ("mcp_tools", "mcp_tools"),
    ("distributed_rate_limiting", "distributed_rate_limiter"),
    ("advanced_caching", "advanced_cache"),
];

/// A component that has not answered by then does not answer, in milliseconds. All are tried at once.
const MOST_MS: u64 = 1_700;

/// What the checks found is kept and read back in this time, once they are made.
const TO_KEEP_MS: u64 = 500;

/// How a component stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It did what it must.
    Pass,
    /// It did not.
    Fail,
    /// It is not there, too little is known, or it works with a warning.
    Unknown,
}

/// A component, exercised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub component: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was done and found.
    pub evidence: String,
    /// What to do about it; empty if there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to_do: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What an exercise came to.
struct Found {
    verdict: Verdict,
    evidence: String,
    to_do: String,
}

impl Found {
    fn pass(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, evidence: evidence.into(), to_do: String::new() }
    }

    fn fail(evidence: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, evidence: evidence.into(), to_do: to_do.into() }
    }

    fn unknown(evidence: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, evidence: evidence.into(), to_do: to_do.into() }
    }
}

/// Exercises every component over `ports`. Links are fetched from `site`, which the ports' fetcher must be allowed to reach.
/// The figures are those of `tenant`.
pub async fn validate(ports: &Ports, tenant: &TenantId, site: &Site) -> Vec<Row> {
    let exercises: [(&'static str, BoxFuture<'_, Result<Found>>); 9] = [
        ("fact_check", tools::fact_check(ports).boxed()),
        ("research", tools::research(ports).boxed()),
        ("download", tools::download(ports, site).boxed()),
        ("memory", tools::memory(ports).boxed()),
        ("discord", tools::discord().boxed()),
        ("crew_configuration", crew::configuration(ports).boxed()),
        ("agent_count", crew::count(ports).boxed()),
        ("performance", figures::performance(ports, tenant).boxed()),
        ("cost_optimisation", figures::cost(ports).boxed()),
    ];
    let exercised =
        exercises.into_iter().map(|(component, exercise)| exercised(ports, MOST_MS, component, exercise));
    let (mut rows, checked) = join(join_all(exercised), checked(ports)).await;
    rows.extend(checked);
    in_order(rows)
}

async fn exercised(
    ports: &Ports,
    most_ms: u64,
    component: &'static str,
    exercise: impl Future<Output = Result<Found>>,
) -> Row {
    let began_ms = ports.clock.now_ms();
    let found = within(ports, most_ms, exercise).await;
    let found = found.unwrap_or_else(|error| Found::fail(error.to_string(), "see the log (ASSAY_LOG=info)"));
    row(component, found, ports.clock.now_ms().saturating_sub(began_ms))
}

fn row(component: &'static str, found: Found, took_ms: u64) -> Row {
    let Found { verdict, evidence, to_do } = found;
    Row { component, verdict, evidence, to_do, took_ms }
}

/// The components that the checks of health try, and those checks themselves.
async fn checked(ports: &Ports) -> Vec<Row> {
    let readings = Arc::new(health::probe(ports, MOST_MS).await);
    let mut rows: Vec<Row> = CHECKED.iter().filter_map(|checked| of_reading(checked, &readings)).collect();
    rows.push(exercised(ports, TO_KEEP_MS, "health_checks", checks(ports, &readings)).await);
    rows
}

fn of_reading((component, check): &(&'static str, &'static str), readings: &[Reading]) -> Option<Row> {
    let reading = readings.iter().find(|reading| reading.component == *check)?;
    let advice = || format!("see {check} in docs/runbook.md#health-failing");
    let found = match reading.status {
        Status::Pass => Found::pass(&reading.output),
        Status::Warn => Found::unknown(&reading.output, advice()),
        Status::Fail => Found::fail(&reading.output, advice()),
        Status::Unknown => Found::unknown(&reading.output, "validate where it is linked and configured"),
    };
    Some(row(component, found, reading.took_ms))
}

/// All checks were made, and what they found is kept. How the components did that they try is for their own rows.
async fn checks(ports: &Ports, readings: &[Reading]) -> Result<Found> {
    health::history::record(ports, readings).await?;
    let kept = health::history::load(ports).await?;
    let is_kept = |reading: &&Reading| {
        kept.components.get(&reading.component).is_some_and(|record| record.last.status == reading.status)
    };
    let (made, expected) = (readings.iter().filter(is_kept).count(), health::CHECKS.len());
    if made != expected {
        let what = format!("{made} of {expected} checks are in the history as they were read");
        return Ok(Found::fail(what, "the history's row cannot be kept; look at the store"));
    }
    let count = |status: Status| readings.iter().filter(|reading| reading.status == status).count();
    let absent = readings.iter().filter(|reading| reading.status == Status::Unknown);
    let absent: Vec<&str> = absent.map(|reading| reading.component.as_str()).collect();
    let absent = if absent.is_empty() { String::new() } else { format!(": {}", absent.join(", ")) };
    Ok(Found::pass(format!(
        "{expected} checks made and kept: {} pass, {} warn, {} fail, {} unknown{absent}",
        count(Status::Pass),
        count(Status::Warn),
        count(Status::Fail),
        count(Status::Unknown),
    )))
}

/// The rows in the order of [`COMPONENTS`].
fn in_order(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| COMPONENTS.iter().position(|component| *component == row.component));
    rows
}

#[cfg(test)]
mod tests;
