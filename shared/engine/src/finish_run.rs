//! A run ends: steps without a result get one, the rest of the money goes back, counters are added once, and the
//! briefing is put in the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::figures;
use crate::gather::{items_of, planned_agents};
use crate::lease::{finished_event, new_step};
use crate::ledger_view::{result_of, steps};
use crate::measure;
use crate::model::{
    AgentId, Basis, Budget, Charge, ChargeState, EventKind, ItemId, Learned, Meta, NanoUsd, OutboxMessage,
    Outcome, Purse, Reason, ReasonCode, Run, RunFailure, RunKey, RunStatus, Status, Step, StepError, StepKey,
    StepResult, Usage, Warms,
};
use crate::money::{self, book_lost_calls};
use crate::outbox;
use crate::ports::{Key, Ports, Row};
use crate::recall::warming;
use crate::start_run::load_run;
use crate::transact::{Decision, transact};

/// Closes a run whose workflow ended, for whatever reason. Repeats are harmless.
///
/// `cause` is the status the workflow ended with, if it did not succeed.
pub async fn finish_run(ports: &Ports, key: &RunKey, cause: Option<&str>) -> Result<()> {
    let Some(run) = load_run(ports, key).await? else {
        return Ok(());
    };
    if !run.status.is_final() {
        let steps = close_steps(ports, &run, cause).await?;
        book_lost_calls(ports, &run, None).await?;
        if let Some(ended) = close(ports, &run, &steps).await? {
            measure::ended(ports, &ended, &steps);
            warming::note(ports, &ended, &steps).await;
        }
        // One that makes an answer ahead has no workflow.
        if run.warms.is_none() {
            ports.workflow.stop(key, "the run has ended").await?;
        }
    }
    // Its start, should that row still be there, is the sweep's.
    outbox::send_named(ports, key, outbox::DELIVER).await
}

/// Every planned step with its result; those that had none get one, and their workers lose the lease.
async fn close_steps(ports: &Ports, run: &Run, cause: Option<&str>) -> Result<Vec<Step>> {
    if let Some(Warms { step, .. }) = &run.warms {
        let outcome = outcome_of_unfinished(run, None, cause);
        let only = run.key.step(&step.agent, &step.item);
        return Ok(vec![close_step(ports, run, &only, &outcome).await?]);
    }
    let planned = planned_agents(ports, run).await?;
    let mut failed: BTreeSet<AgentId> = BTreeSet::new();
    // In the order of the catalogue, so that what a step needed is closed before it.
    for agent in &planned {
        let Some(spec) = ports.catalogue.agent(agent).cloned() else { continue };
        for item in items_to_close(ports, run, &spec).await? {
            let broken = spec.needs.iter().find(|need| failed.contains(*need));
            let outcome = outcome_of_unfinished(run, broken, cause);
            let step = close_step(ports, run, &run.key.step(agent, &item), &outcome).await?;
            let usable = step
                .result
                .as_ref()
                .is_some_and(|result| matches!(result.status(), Status::Ok | Status::Uncertain));
            if !usable && item.is_none() {
                failed.insert(agent.clone());
            }
        }
    }
    steps(ports, &run.key).await
}

async fn items_to_close(ports: &Ports, run: &Run, spec: &crate::agent::AgentSpec) -> Result<Vec<ItemId>> {
    let Some(fan_out) = &spec.fan_out else {
        return Ok(vec![ItemId::none()]);
    };
    let over = crate::gather::load_step(ports, run, &fan_out.over, &ItemId::none()).await?;
    let result = match &over {
        Some(step) => result_of(ports, step).await?,
        None => None,
    };
    Ok(items_of(run, result.as_ref().and_then(|result| result.data()), fan_out))
}

fn outcome_of_unfinished(run: &Run, broken: Option<&AgentId>, cause: Option<&str>) -> Outcome {
    if run.cancel_requested {
        return Outcome::Skipped(ReasonCode::Cancelled.into());
    }
    if let Some(need) = broken {
        return Outcome::Skipped(Reason::new(ReasonCode::MissingInput, need.as_str()));
    }
    let message = match cause {
        Some(cause) => format!("the run ended before this step did: {cause}"),
        None => "the run ended before this step did".to_owned(),
    };
    Outcome::Failed(StepError::from(&Error::new(ErrorKind::Timeout, message)))
}

/// Gives a step `outcome` if it has no result yet.
pub(crate) async fn close_step(ports: &Ports, run: &Run, step: &StepKey, outcome: &Outcome) -> Result<Step> {
    let keys = [Key::Step(step.clone()), Key::Sequence(run.key.clone())];
    let now = ports.clock.now_ms();
    let (stored, is_new) = transact(ports, &keys, |rows| {
        let mut stored = rows.step(&keys[0]).cloned().unwrap_or_else(|| new_step(step, now));
        if stored.result.is_some() {
            return Ok(Decision::Leave((stored, false)));
        }
        let result = StepResult {
            outcome: outcome.clone(),
            warnings: Vec::new(),
            meta: Meta {
                run: run.key.run.clone(),
                agent: step.agent.clone(),
                item: step.item.clone(),
                attempt: stored.attempt,
                basis: Basis::Deterministic,
                model: None,
                prompt_version: String::new(),
                usage: Usage::default(),
                cost: NanoUsd::ZERO,
                saved: NanoUsd::ZERO,
                spared_tokens: 0,
                duration_ms: now.saturating_sub(stored.first_claimed_ms),
                finished_ms: now,
                gaps: Vec::new(),
                input_digest: String::new(),
                trace_id: run.trace_id().to_string(),
                looked_up: false,
                recall: None,
                routing: None,
            },
        };
        stored.epoch += 1;
        stored.lease = None;
        stored.result = Some(result.clone());
        let mut changes = vec![rows.put(keys[0].clone(), Row::Step(Arc::new(stored.clone())), None)];
        changes.extend(events::append(rows, &run.key, now, vec![finished_event(step, &result)]));
        Ok(Decision::Write(changes, (stored, true)))
    })
    .await?;
    if let Some(result) = stored.result.as_ref().filter(|_| is_new && run.warms.is_none()) {
        measure::step_ended(ports, result);
    }
    Ok(stored)
}

/// Ends a run. The run as it ended; `None` if it had been ended before.
async fn close(ports: &Ports, run: &Run, steps: &[Step]) -> Result<Option<Run>> {
    loop {
        // Every booking of a call writes the purse, so the calls are those of the run's end if it is still the same then.
        let purse = [Key::Purse(run.key.clone())];
        let purse = transact(ports, &purse, |rows| Ok(Decision::Leave(rows.version(&purse[0])))).await?;
        let charges = money::charges(ports, &run.key).await?;
        match close_at(ports, run, steps, &charges, purse).await? {
            Closed::Now(ended) => return Ok(Some(*ended)),
            Closed::Before => return Ok(None),
            Closed::Outdated => {}
        }
    }
}

/// What an attempt to end a run came to.
enum Closed {
    Now(Box<Run>),
    Before,
    /// A call was booked since the calls were listed.
    Outdated,
}

/// The one transaction that ends a run, provided its purse is still of the version that goes with `charges`.
async fn close_at(
    ports: &Ports,
    run: &Run,
    steps: &[Step],
    charges: &[Charge],
    purse_version: Option<u64>,
) -> Result<Closed> {
    let run_key = Key::Run(run.key.clone());
    let purse_key = Key::Purse(run.key.clone());
    let budgets = money::budgets(&run.key.tenant, run.created_ms);
    let [day_key, month_key] = budgets.clone();
    let learned_key = Key::Learned(run.key.tenant.clone());
    let counters_key = figures::key(&run.key);
    let keys = [
        run_key.clone(),
        purse_key.clone(),
        day_key,
        month_key,
        learned_key.clone(),
        counters_key.clone(),
        Key::Sequence(run.key.clone()),
    ];
    let now = ports.clock.now_ms();
    let critical_path_ms = measure::critical_path_ms(ports, steps);
    transact(ports, &keys, |rows| {
        let Some(stored) = rows.run(&run_key).filter(|run| !run.status.is_final()) else {
            return Ok(Decision::Leave(Closed::Before));
        };
        if rows.version(&purse_key) != purse_version {
            return Ok(Decision::Leave(Closed::Outdated));
        }
        let (status, failure) = verdict(ports, stored, steps);
        let purse = rows.purse(&purse_key).cloned().unwrap_or_default();
        let ended = Run {
            status,
            failure,
            finished_ms: Some(now),
            cost: purse.spent,
            saved: steps.iter().filter_map(|step| step.result.as_ref()).map(|result| result.meta.saved).sum(),
            ..stored.clone()
        };
        let counters = rows.counters(&counters_key).cloned().unwrap_or_default();
        let counters = figures::add_run(counters, &ended, steps, charges, critical_path_ms);
        let mut changes = vec![rows.put(counters_key.clone(), Row::Counters(counters), None)];
        let mut told = vec![EventKind::Finished { status }];
        for key in budgets.iter().filter(|_| purse.drawn > NanoUsd::ZERO) {
            let Some(budget) = rows.budget(key) else { continue };
            let mut budget = Budget {
                allotted: budget.allotted - purse.drawn,
                spent: budget.spent + purse.spent,
                ..budget.clone()
            };
            told.extend(money::alerts(key, &mut budget));
            changes.push(rows.put(key.clone(), Row::Budget(budget), None));
        }
        if let Some(learned) = learn(rows.get(&learned_key), run, charges, steps) {
            changes.push(rows.put(learned_key.clone(), Row::Learned(learned), None));
        }
        let purse = Purse { available: NanoUsd::ZERO, closed: true, ..purse };
        changes.push(rows.put(purse_key.clone(), Row::Purse(purse), None));
        changes.push(rows.put(run_key.clone(), Row::Run(ended.clone()), None));
        if run.warms.is_none() {
            changes.push(outbox::put(&run.key, outbox::DELIVER, OutboxMessage::Deliver, now));
        }
        changes.extend(events::append(rows, &run.key, now, told));
        Ok(Decision::Write(changes, Closed::Now(Box::new(ended))))
    })
    .await
}

/// How a run ended, from how its steps did.
fn verdict(ports: &Ports, run: &Run, steps: &[Step]) -> (RunStatus, Option<RunFailure>) {
    if run.warms.is_some() {
        return warming::verdict(run, steps.first().and_then(|step| step.result.as_ref()));
    }
    if run.cancel_requested {
        return (RunStatus::Cancelled, None);
    }
    let result = |agent: &AgentId| {
        steps
            .iter()
            .find(|step| step.key.agent == *agent && step.key.item.is_none())
            .and_then(|step| step.result.as_ref())
    };
    let usable = |agent: &AgentId| {
        result(agent).is_some_and(|result| {
            matches!(&result.outcome, Outcome::Ok(_) | Outcome::Uncertain { data: Some(_), .. })
        })
    };
    if let Some(agent) = ports.catalogue.agents.iter().find(|agent| !agent.dispensable && !usable(&agent.id))
    {
        let (kind, message) = match result(&agent.id).map(|result| &result.outcome) {
            Some(Outcome::Failed(error)) => (error.kind, error.message.clone()),
            Some(Outcome::Skipped(reason) | Outcome::Uncertain { reason, .. }) => {
                (ErrorKind::InvalidInput, reason.to_string())
            }
            _ => (ErrorKind::Timeout, "it never ended".to_owned()),
        };
        return (RunStatus::Failed, Some(RunFailure { agent: Some(agent.id.clone()), kind, message }));
    }
    let whole = steps.iter().filter_map(|step| step.result.as_ref()).all(|result| match &result.outcome {
        Outcome::Ok(_) => true,
        Outcome::Skipped(reason) => {
            matches!(reason.code, ReasonCode::NoModel | ReasonCode::NotApplicable | ReasonCode::NotPlanned)
        }
        Outcome::Uncertain { reason, .. } => {
            matches!(reason.code, ReasonCode::NoModel | ReasonCode::NoEvidence)
        }
        Outcome::Failed(_) => false,
    });
    (if whole { RunStatus::Complete } else { RunStatus::Partial }, None)
}

/// What is known of calls' output with these calls added; `None` if they add nothing.
fn learn(stored: Option<&Row>, run: &Run, charges: &[Charge], steps: &[Step]) -> Option<Learned> {
    let mut learned = match stored {
        Some(Row::Learned(learned)) => learned.clone(),
        _ => Learned::default(),
    };
    let mut settled = charges.iter().filter(|charge| charge.state == ChargeState::Settled).peekable();
    settled.peek()?;
    for charge in settled {
        let tokens = charge.usage.output_tokens.saturating_add(charge.usage.reasoning_tokens);
        learned.add(&charge.call.step.agent, &charge.model, tokens);
    }
    for step in steps {
        learn_of_choice(&mut learned, step, charges);
    }
    let mut by_step: BTreeMap<&StepKey, (u64, NanoUsd)> = BTreeMap::new();
    for charge in charges.iter().filter(|charge| charge.was_made()) {
        let (calls, cost) = by_step.entry(&charge.call.step).or_default();
        *calls += 1;
        *cost += charge.cost;
    }
    for (step, (calls, cost)) in &by_step {
        learned.steps.entry(step.agent.to_string()).or_default().add(*calls, *cost);
    }
    // One step is no run of that depth.
    if run.warms.is_none() {
        let calls = by_step.values().map(|(calls, _)| calls).sum();
        let cost = by_step.values().map(|(_, cost)| *cost).sum();
        learned.runs.entry(run.depth.name().to_owned()).or_default().add(calls, cost);
    }
    Some(learned)
}

/// What a step says of the model that was chosen for it: what all of its calls to it cost and took, repairs included.
fn learn_of_choice(learned: &mut Learned, step: &Step, charges: &[Charge]) {
    let Some(routing) = step.result.as_ref().and_then(|result| result.meta.routing.as_deref()) else {
        return;
    };
    for arm in routing.rejected.iter().filter_map(|place| routing.arms.get(*place)) {
        learned.observe(&step.key.agent, &arm.model, false, NanoUsd::ZERO, 0);
    }
    let Some((answered, arm)) =
        routing.answered.and_then(|answered| Some((answered, routing.arms.get(answered.by)?)))
    else {
        return;
    };
    let is_its = |charge: &&Charge| {
        charge.call.step == step.key && format!("{}/{}", charge.provider, charge.model) == arm.model
    };
    let calls: Vec<&Charge> = charges.iter().filter(is_its).collect();
    let cost = calls.iter().map(|charge| charge.cost).sum();
    let took_ms = calls.iter().filter_map(|charge| charge.took_ms).sum();
    learned.observe(&step.key.agent, &arm.model, answered.at_once, cost, took_ms);
}
