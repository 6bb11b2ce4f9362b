//! Stored answers made anew ahead of their next use, where that pays.
//!
//! After a run has ended, its uses of stored answers are noted, a row for each answer that was used again (`uses`). Shortly
//! before such an answer ends being fresh, `sweep` forecasts its next use (`forecast`), and where making it ahead pays, starts a
//! run for it (`due`): a run of one step, which is given what the step was given that used the answer last. It has a purse, a
//! ledger and limits as any other, but no workflow, no effects and no post. If its request is not the answer's any more, or the
//! answer is gone, void or new, it asks nothing. Each forecast is later compared with what happened, in the tenant's figures.

mod due;
mod forecast;
mod uses;

use std::borrow::Cow;

use super::{Asked, FLIGHT_MS, Making};
use crate::agent::AgentSpec;
use crate::lease::Claimed;
use crate::model::{
    Basis, Outcome, RecallNote, Run, RunFailure, RunKey, RunStatus, StepResult, TenantId, Token, Warmed,
    Warms,
};
use crate::ports::{Flight, Found, Key, Lookup, Message, Ports, Queue, StepMessage};
use crate::start_run::load_run;

pub(crate) use due::look_at;
pub(crate) use uses::{least_fresh_ms, note};

/// The label in the ledger of runs that make answers ahead.
pub(crate) const WORKSPACE: &str = "warming";

/// A tenant's answers share so many rows; one that finds its row taken is not forecast until that one's time is over.
const SLOTS: u32 = 1_024;

/// The row of an answer's uses, by the first bytes of its key.
pub fn key(tenant: &TenantId, entry: &str) -> Key {
    let digest = blake3::hash(entry.as_bytes());
    let [low, high, ..] = *digest.as_bytes();
    Key::Warming(tenant.clone(), u32::from(u16::from_le_bytes([low, high])) % SLOTS)
}

/// Puts the one step of a run that makes an answer ahead on its queue. Repeats are harmless.
pub(crate) async fn begin(ports: &Ports, run: &RunKey, warms: &Warms) -> crate::error::Result<()> {
    let Some(spec) = ports.catalogue.agent(&warms.step.agent) else {
        return Ok(());
    };
    let message = StepMessage {
        run: run.clone(),
        agent: warms.step.agent.clone(),
        item: warms.step.item.clone(),
        hop: 0,
        // Nobody waits for it.
        task_token: Token::new(WORKSPACE),
    };
    ports.queues.send(Queue::Agents(spec.profile), &Message::Step(message), 0).await
}

/// The run whose results a step is given: its own, or the one that it does again; `None` if that is gone.
pub(crate) async fn origin<'a>(ports: &Ports, run: &'a Run) -> crate::error::Result<Option<Cow<'a, Run>>> {
    match &run.warms {
        None => Ok(Some(Cow::Borrowed(run))),
        Some(warms) => Ok(load_run(ports, &warms.step.run).await?.map(Cow::Owned)),
    }
}

/// Leads the making of an answer that is still there and to be made anew, or says why it is not.
pub(crate) async fn renew(
    ports: &Ports,
    claimed: &Claimed,
    warms: &Warms,
    spec: &AgentSpec,
    asked: &Asked<'_>,
) -> Result<Making, &'static str> {
    let mut making = Making::new(&claimed.run, spec, asked);
    if making.entry() != warms.entry {
        return Err("the request is another one by now");
    }
    let keys = making.keys.iter().map(|(_, key)| key.clone()).collect();
    let lookup = Lookup { keys, ..Lookup::default() };
    let unknown = "the cache did not answer";
    let looked = ports.cache.look_up(&making.tenant, &lookup).await.map_err(|_| unknown)?;
    let held = looked.found.iter().find_map(|found| match found {
        Found::Held(held) => Some(held),
        _ => None,
    });
    let Some(held) = held else {
        let is_void = looked.found.iter().any(|found| matches!(found, Found::Void(_)));
        return Err(if is_void { "the answer was purged" } else { "the answer is gone" });
    };
    if held.age_ms < held.entry.fresh_ms / 2 {
        return Err("the answer was made anew meanwhile");
    }
    let flight = Flight { holder: claimed.key.to_string(), holds_ms: FLIGHT_MS };
    if !ports.cache.lead(&making.tenant, making.key(), &flight).await.map_err(|_| unknown)? {
        return Err("another step makes the answer just now");
    }
    making.generation = Some(looked.generation);
    making.flight = Some(flight);
    // What it is compared by is stored with it again. Nothing that is found fits.
    making.by_meaning(ports, spec, &mut RecallNote::default(), |_| false).await;
    Ok(making)
}

/// How a run that makes an answer ahead ended, from the result of its step.
pub(crate) fn verdict(run: &Run, result: Option<&StepResult>) -> (RunStatus, Option<RunFailure>) {
    match result.map(|result| &result.outcome) {
        _ if run.cancel_requested => (RunStatus::Cancelled, None),
        Some(Outcome::Failed(error)) => {
            let agent = run.warms.as_ref().map(|warms| warms.step.agent.clone());
            (RunStatus::Failed, Some(RunFailure { agent, kind: error.kind, message: error.message.clone() }))
        }
        Some(Outcome::Skipped(_)) => (RunStatus::Complete, None),
        _ if is_made(result) => (RunStatus::Complete, None),
        _ => (RunStatus::Partial, None),
    }
}

/// What a run that made an answer ahead adds to its tenant's figures.
pub(crate) fn ended(run: &Run, result: Option<&StepResult>) -> Warmed {
    let is_made = is_made(result);
    let is_free = run.cost == crate::model::NanoUsd::ZERO;
    Warmed {
        refreshed: u64::from(is_made),
        spared: u64::from(!is_made && is_free),
        failed: u64::from(!is_made && !is_free),
        spent: run.cost,
        ..Warmed::default()
    }
}

/// True if the model gave an answer that was stored.
fn is_made(result: Option<&StepResult>) -> bool {
    result.is_some_and(|result| {
        matches!(result.outcome, Outcome::Ok(_)) && matches!(result.meta.basis, Basis::Model)
    })
}
