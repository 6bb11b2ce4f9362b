//! A tenant's figures over its ended runs: added once per run, in the transaction that ends it, over a few rows so that
//! runs that end together seldom meet; summed where they are read.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::measure::makespan_ms;
use crate::model::{
    Basis, Charge, ChargeState, Counters, NanoUsd, Outcome, Run, RunKey, Status, Step, TenantId,
};
use crate::ports::{Key, Ports, Row};
use crate::recall::warming;
use crate::transact::read as read_rows;

/// Counters are spread over so many rows.
pub const SHARDS: u32 = 16;

/// Providers are named by whoever configures them; those after so many are counted under [`OTHER`].
pub const MOST_PROVIDERS: usize = 16;

/// The name of all providers after the first [`MOST_PROVIDERS`].
pub const OTHER: &str = "other";

/// What a tenant's ended runs come to. Errors: `Storage`.
pub async fn read(ports: &Ports, tenant: &TenantId) -> Result<Counters> {
    let keys: Vec<Key> = (0..SHARDS).map(|shard| Key::Counters(tenant.clone(), shard)).collect();
    let mut sum = Counters::default();
    for row in read_rows(ports, &keys).await?.into_iter().flatten() {
        if let Row::Counters(counters) = row {
            sum += &counters;
        }
    }
    Ok(sum)
}

/// Adds an ended run to `counters`: the run as it ended, its steps, its ledger, and the longest chain of its steps.
pub fn add_run(
    mut counters: Counters,
    run: &Run,
    steps: &[Step],
    charges: &[Charge],
    critical_path_ms: u64,
) -> Counters {
    for charge in charges {
        add_call(&mut counters, charge);
    }
    if run.warms.is_some() {
        let result = steps.iter().find_map(|step| step.result.as_ref());
        counters.warming += &warming::ended(run, result);
        counters.cost += run.cost;
        return counters;
    }
    count(&mut counters.runs, run.status.name());
    for step in steps {
        add_step(&mut counters, step);
    }
    counters.level_ms.entry(run.depth.name().to_owned()).or_default().observe(makespan_ms(run));
    counters.makespan_ms += makespan_ms(run);
    counters.critical_path_ms += critical_path_ms;
    counters.cost += run.cost;
    counters.saved += run.saved;
    counters
}

/// Adds to the figures of a run's tenant what became known of one of its calls after the run had ended: `difference` is what
/// it cost more than was booked.
pub(crate) fn correct(counters: &mut Counters, charge: &Charge, difference: NanoUsd) {
    if difference > NanoUsd::ZERO {
        counters.cost += difference;
    } else {
        counters.cost_returned -= difference;
    }
    if charge.state == ChargeState::Settled {
        counters.usage = counters.usage + charge.usage;
    }
    if let Some(took_ms) = charge.took_ms {
        let provider = provider(counters, charge);
        counters.call_ms.entry(provider).or_default().observe(took_ms);
    }
}

/// The row that a run is added to.
pub(crate) fn key(run: &RunKey) -> Key {
    let digest = blake3::hash(run.run.as_str().as_bytes());
    Key::Counters(run.tenant.clone(), u32::from(digest.as_bytes()[0]) % SHARDS)
}

fn add_step(counters: &mut Counters, step: &Step) {
    let Some(result) = &step.result else { return };
    let agent = step.key.agent.as_str();
    count(&mut counters.steps, &format!("{agent}/{}", result.status().name()));
    if let Outcome::Failed(error) = &result.outcome {
        count(&mut counters.step_errors, error.kind.name());
    }
    if let Basis::Cache { level, .. } = result.meta.basis {
        count(&mut counters.cache_hits, level.name());
    }
    counters.recall_lookups += u64::from(result.meta.looked_up);
    counters.spared_tokens += result.meta.spared_tokens;
    counters.saved_tokens += result.meta.recall.as_ref().map_or(0, |note| note.saved_tokens);
    if result.status() != Status::Skipped {
        counters.step_ms.entry(agent.to_owned()).or_default().observe(result.meta.duration_ms);
    }
}

fn add_call(counters: &mut Counters, charge: &Charge) {
    if charge.state == ChargeState::Settled {
        counters.usage = counters.usage + charge.usage;
    }
    if !charge.was_made() {
        return;
    }
    let provider = provider(counters, charge);
    count(&mut counters.calls, &provider);
    if charge.failed.is_some() || charge.state == ChargeState::Unsettled {
        count(&mut counters.call_errors, &provider);
    }
    if let Some(took_ms) = charge.took_ms {
        counters.call_ms.entry(provider).or_default().observe(took_ms);
    }
}

fn provider(counters: &Counters, charge: &Charge) -> String {
    let name = if charge.provider.is_empty() { OTHER } else { &charge.provider };
    let known = counters.calls.contains_key(name);
    let others = counters.calls.keys().filter(|name| *name != OTHER).count();
    if known || others < MOST_PROVIDERS { name.to_owned() } else { OTHER.to_owned() }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}
