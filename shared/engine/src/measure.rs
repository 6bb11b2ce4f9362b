//! What an ended run tells the operator's metrics.

use std::collections::BTreeMap;

use crate::model::{AgentId, Run, RunStatus, Step};
use crate::ports::Ports;

/// Counts a run that has just ended: how, at what cost, and how its time compares with what its steps had to wait for.
pub(crate) fn ended(ports: &Ports, run: &Run, steps: &[Step]) {
    let metrics = &ports.metrics;
    metrics.count("runs_ended", 1);
    metrics.count("runs_failed", u64::from(run.status == RunStatus::Failed));
    metrics.count("runs_partial", u64::from(run.status == RunStatus::Partial));
    metrics.count("run_cost_nano_usd", u64::try_from(run.cost.0).unwrap_or_default());
    let finished_ms = run.finished_ms.unwrap_or(run.created_ms);
    metrics.duration_ms("run_makespan_ms", finished_ms.saturating_sub(run.created_ms));
    metrics.duration_ms("run_critical_path_ms", critical_path_ms(ports, steps));
}

/// How long the run would have taken if every step had begun as soon as what it needs and uses was there, in milliseconds. The
/// steps of one agent run side by side, so the longest of them counts.
fn critical_path_ms(ports: &Ports, steps: &[Step]) -> u64 {
    let mut took_ms: BTreeMap<&AgentId, u64> = BTreeMap::new();
    for step in steps {
        let duration_ms = step.result.as_ref().map_or(0, |result| result.meta.duration_ms);
        let longest = took_ms.entry(&step.key.agent).or_default();
        *longest = duration_ms.max(*longest);
    }
    let mut done_ms: BTreeMap<&AgentId, u64> = BTreeMap::new();
    let mut pending: Vec<_> =
        ports.catalogue.agents.iter().filter(|agent| took_ms.contains_key(&agent.id)).collect();
    while !pending.is_empty() {
        let before = pending.len();
        pending.retain(|agent| {
            let inputs = || agent.needs.iter().chain(&agent.uses).filter(|input| took_ms.contains_key(input));
            if !inputs().all(|input| done_ms.contains_key(input)) {
                return true;
            }
            let begins_ms = inputs().map(|input| done_ms[input]).max().unwrap_or(0);
            done_ms.insert(&agent.id, begins_ms + took_ms[&agent.id]);
            false
        });
        if pending.len() == before {
            // A cycle, which the catalogue refuses.
            break;
        }
    }
    done_ms.into_values().max().unwrap_or(0)
}
