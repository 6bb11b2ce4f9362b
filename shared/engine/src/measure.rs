//! What ended steps and runs tell the operator's metrics: the facts that a tenant's counters have too, told once each by whoever
//! stored them. A process that is killed after it stored and before it told loses them here, never there.

use std::collections::BTreeMap;

use crate::model::{AgentId, Basis, Outcome, Run, RunStatus, Step, StepResult};
use crate::ports::Ports;

/// Counts a run that has just ended: how, at what cost, and how its time compares with what its steps had to wait for.
///
/// A run that makes an answer ahead is none that somebody waits for: the tenant's figures alone tell of it.
pub(crate) fn ended(ports: &Ports, run: &Run, steps: &[Step]) {
    if run.warms.is_some() {
        return;
    }
    let metrics = &ports.metrics;
    metrics.count("runs_ended", 1);
    metrics.count("runs_failed", u64::from(run.status == RunStatus::Failed));
    metrics.count("runs_partial", u64::from(run.status == RunStatus::Partial));
    metrics.count("run_cost_nano_usd", u64::try_from(run.cost.0).unwrap_or_default());
    metrics.duration_ms("run_makespan_ms", makespan_ms(run));
    metrics.duration_ms("run_critical_path_ms", critical_path_ms(ports, steps));
}

/// Counts a step whose result was just stored.
pub(crate) fn step_ended(ports: &Ports, result: &StepResult) {
    let metrics = &ports.metrics;
    metrics.count("steps", 1);
    metrics.count("step_errors", u64::from(matches!(result.outcome, Outcome::Failed(_))));
    if result.meta.looked_up {
        metrics.count("recall_lookups", 1);
        metrics.count("recall_hits", u64::from(matches!(result.meta.basis, Basis::Cache { .. })));
    }
}

/// How long an ended run took, in milliseconds.
pub(crate) fn makespan_ms(run: &Run) -> u64 {
    run.finished_ms.unwrap_or(run.created_ms).saturating_sub(run.created_ms)
}

/// How long the run would have taken if every step had begun as soon as what it needs and uses was there, in milliseconds. The
/// steps of one agent run side by side, so the longest of them counts.
pub(crate) fn critical_path_ms(ports: &Ports, steps: &[Step]) -> u64 {
    let mut took_ms: BTreeMap<AgentId, u64> = BTreeMap::new();
    for step in steps {
        let duration_ms = step.result.as_ref().map_or(0, |result| result.meta.duration_ms);
        let longest = took_ms.entry(step.key.agent.clone()).or_default();
        *longest = duration_ms.max(*longest);
    }
    let agents = ports.catalogue.agents.iter().filter(|agent| took_ms.contains_key(&agent.id));
    let inputs = agents
        .map(|agent| (agent.id.clone(), agent.needs.iter().chain(&agent.uses).cloned().collect()))
        .collect();
    critical_path(&inputs, &took_ms)
}

/// The longest chain of steps when each begins as soon as all its inputs are there. `inputs` has every planned agent
/// with the agents it needs or uses; inputs that are not planned do not count. The inputs must not form a circle.
pub fn critical_path(inputs: &BTreeMap<AgentId, Vec<AgentId>>, duration_ms: &BTreeMap<AgentId, u64>) -> u64 {
    let mut done_ms: BTreeMap<&AgentId, u64> = BTreeMap::new();
    // Each round settles at least one agent of a graph without circles.
    for _ in 0..inputs.len() {
        let before = done_ms.clone();
        for (agent, inputs_of_agent) in inputs {
            let begin_ms = inputs_of_agent.iter().filter_map(|input| done_ms.get(input)).max().copied();
            let own_ms = duration_ms.get(agent).copied().unwrap_or(0);
            done_ms.insert(agent, begin_ms.unwrap_or(0).saturating_add(own_ms));
        }
        if done_ms == before {
            break;
        }
    }
    done_ms.values().max().copied().unwrap_or(0)
}
