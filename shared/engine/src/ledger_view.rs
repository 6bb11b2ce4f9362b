//! A run as its rows tell it: every step, what it cost by the ledger, and what is still unsettled.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::claim_check;
use crate::error::Result;
use crate::model::{Charge, ChargeState, NanoUsd, Run, RunKey, Step, StepKey, StepResult};
use crate::money::charges;
use crate::ports::{Ports, Range, Row};
use crate::transact::list_all;

/// All steps of a run that were ever claimed or given a result, in the order of agents and items.
pub async fn steps(ports: &Ports, run: &RunKey) -> Result<Vec<Step>> {
    let rows = list_all(ports, &Range::Steps(run.clone())).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(_, versioned)| match versioned.row {
            Row::Step(step) => Some(Arc::unwrap_or_clone(step)),
            _ => None,
        })
        .collect())
}

/// A step's result with its data, wherever that is stored.
pub async fn result_of(ports: &Ports, step: &Step) -> Result<Option<StepResult>> {
    Ok(claim_check::fetch(ports, step).await?.map(Cow::into_owned))
}

/// What each step was billed, by the ledger.
pub fn cost_by_step(charges: &[Charge]) -> BTreeMap<&StepKey, NanoUsd> {
    let mut costs = BTreeMap::new();
    for charge in charges {
        *costs.entry(&charge.call.step).or_insert(NanoUsd::ZERO) += charge.cost;
    }
    costs
}

/// The part of a ledger that is booked at worst case.
pub fn unsettled(charges: &[Charge]) -> NanoUsd {
    charges.iter().filter(|charge| charge.state == ChargeState::Unsettled).map(|charge| charge.cost).sum()
}

/// The fact `run_report`: how the run went so far.
pub(crate) async fn run_report(ports: &Ports, run: &Run) -> Result<Value> {
    let charges = charges(ports, &run.key).await?;
    let costs = cost_by_step(&charges);
    let total: NanoUsd = charges.iter().map(|charge| charge.cost).sum();
    let steps: Vec<Value> = steps(ports, &run.key)
        .await?
        .into_iter()
        .filter_map(|step| {
            let result = step.result.as_ref()?;
            Some(json!({
                "agent": step.key.agent,
                "item": (!step.key.item.is_none()).then_some(&step.key.item),
                "status": result.status(),
                "reason": result.reason(),
                "basis": result.meta.basis.name(),
                "attempt": result.meta.attempt,
                "cost_nano_usd": costs.get(&step.key).copied().unwrap_or_default(),
                "saved_nano_usd": result.meta.saved,
                "duration_ms": result.meta.duration_ms,
                "warnings": result.warnings,
            }))
        })
        .collect();
    Ok(json!({
        "depth": run.depth,
        "steps": steps,
        "cost_nano_usd": total,
        "cap_nano_usd": run.cap(),
        "unsettled_nano_usd": unsettled(&charges),
    }))
}
