//! Who works on a step. A claim gives a lease with an epoch; everything a worker writes afterwards holds only while
//! that epoch is the step's own, so a worker that was given up for lost can do no harm when it wakes.

use std::sync::Arc;

use crate::claim_check;
use crate::error::Result;
use crate::events;
use crate::model::{EventKind, Lease, Run, Step, StepKey, StepResult};
use crate::ports::{Key, Message, Ports, Queue, Row, StepMessage};
use crate::transact::{Decision, transact};

/// How long a lease holds.
pub const LEASE_MS: u64 = 50_000;
/// How often it is renewed.
pub(crate) const RENEW_MS: u64 = 15_000;
/// How long a message waits that is not the one its step came back with.
const LOOK_AGAIN_MS: u64 = 10_000;
/// How long the message waits that its step came back with, while the step is still being given back.
const GIVEN_BACK_MS: u64 = 2_000;
/// Attempts at one step; the engine alone counts them.
pub const MAX_ATTEMPTS: u32 = 4;
/// Failing calls of one step, those that a provider refuses for its rate included, which are no attempts.
pub const MAX_FAILING_CALLS: u32 = 8;

/// The outcome of asking for a step.
pub(crate) enum Claim {
    /// It is the caller's.
    Won(Claimed),
    /// Its result is stored; report it again.
    Done(Run, Box<Step>),
    /// Somebody else works on it, or will; look again then.
    Held { until_ms: u64 },
    /// The message is an older one of those the step came back with, or its run is over or does not exist: drop it.
    Stale,
}

/// A step in the caller's hands.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) run: Run,
    pub(crate) key: StepKey,
    pub(crate) epoch: u32,
    pub(crate) attempt: u32,
    /// Calls before that a provider refused for its rate.
    pub(crate) refusals: u32,
    pub(crate) hop: u32,
    /// A worker before was lost, so calls it had under way must be booked.
    pub(crate) took_over: bool,
    pub(crate) claimed_ms: u64,
    pub(crate) first_claimed_ms: u64,
}

pub(crate) async fn claim(ports: &Ports, message: &StepMessage) -> Result<Claim> {
    let step_key = message.step();
    let keys =
        [Key::Run(message.run.clone()), Key::Step(step_key.clone()), Key::Sequence(message.run.clone())];
    let now = ports.clock.now_ms();
    let owner = ports.random.next_u64();
    transact(ports, &keys, |rows| {
        let Some(run) = rows.run(&keys[0]) else {
            return Ok(Decision::Leave(Claim::Stale));
        };
        let mut step = rows.step(&keys[1]).cloned().unwrap_or_else(|| new_step(&step_key, now));
        if step.result.is_some() {
            return Ok(Decision::Leave(Claim::Done(run.clone(), Box::new(step))));
        }
        if run.status.is_final() {
            return Ok(Decision::Leave(Claim::Stale));
        }
        if message.hop < step.hop {
            // Told that its message was not sent, a workflow sends it once more, with another token. Whoever waits for that one
            // is told of the step's end as well, so it waits for it.
            let is_known = step.token.as_ref() == Some(&message.task_token);
            let waits = Claim::Held { until_ms: now + LOOK_AGAIN_MS };
            return Ok(Decision::Leave(if is_known { Claim::Stale } else { waits }));
        }
        // A write that was reported as failed may have happened: this caller's own lease is no obstacle to it. The epoch
        // alone does not tell, for another caller may have got the same one.
        let own = step.lease.as_ref().is_some_and(|lease| lease.owner == owner);
        if let Some(lease) = step.lease.as_ref().filter(|lease| !own && lease.until_ms > now) {
            // Whoever sent the message of a next hop gives the lease up as soon as that can be stored. And a workflow that waits with
            // another token than the holder's hears of the step's end only from its own message.
            let at_most_ms = match message.hop > step.hop {
                true => GIVEN_BACK_MS,
                false if step.token.as_ref() != Some(&message.task_token) => LOOK_AGAIN_MS,
                false => LEASE_MS,
            };
            return Ok(Decision::Leave(Claim::Held { until_ms: lease.until_ms.min(now + at_most_ms) }));
        }
        let took_over = !own && step.lease.is_some();
        if !own {
            step.epoch += 1;
            step.attempt += 1;
        }
        step.hop = message.hop;
        step.token = Some(message.task_token.clone());
        step.lease = Some(Lease { epoch: step.epoch, owner, until_ms: now + LEASE_MS });
        let won = Claim::Won(Claimed {
            run: run.clone(),
            key: step_key.clone(),
            epoch: step.epoch,
            attempt: step.attempt,
            refusals: step.refusals,
            hop: step.hop,
            took_over: took_over || step.attempt > 1,
            claimed_ms: now,
            first_claimed_ms: step.first_claimed_ms,
        });
        if own {
            return Ok(Decision::Leave(won));
        }
        let started = EventKind::StepStarted {
            agent: step_key.agent.clone(),
            item: step_key.item.clone(),
            attempt: step.attempt,
        };
        let mut changes = vec![rows.put(keys[1].clone(), Row::Step(Arc::new(step)), None)];
        changes.extend(events::append(rows, &message.run, now, vec![started]));
        Ok(Decision::Write(changes, won))
    })
    .await
}

/// Why a worker must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// The run was cancelled.
    Cancelled,
    /// Somebody else has the step.
    Lost,
}

/// Renews the lease every [`RENEW_MS`] until the work must stop.
pub(crate) async fn keep(ports: &Ports, claimed: &Claimed) -> Interrupt {
    loop {
        ports.clock.sleep(RENEW_MS).await;
        match renew(ports, claimed).await {
            Ok(None) => {}
            Ok(Some(interrupt)) => return interrupt,
            // The lease outlives two failed renewals; the next one may succeed.
            Err(error) => tracing::warn!(step = %claimed.key, %error, "lease not renewed"),
        }
    }
}

async fn renew(ports: &Ports, claimed: &Claimed) -> Result<Option<Interrupt>> {
    let keys = [Key::Run(claimed.run.key.clone()), Key::Step(claimed.key.clone())];
    let now = ports.clock.now_ms();
    transact(ports, &keys, |rows| {
        let Some(step) = rows.step(&keys[1]).filter(|step| holds(step, claimed)) else {
            return Ok(Decision::Leave(Some(Interrupt::Lost)));
        };
        if rows.run(&keys[0]).is_none_or(|run| run.cancel_requested || run.status.is_final()) {
            return Ok(Decision::Leave(Some(Interrupt::Cancelled)));
        }
        let lease = step.lease.clone().map(|lease| Lease { until_ms: now + LEASE_MS, ..lease });
        let step = Step { lease, ..step.clone() };
        Ok(Decision::Write(vec![rows.put(keys[1].clone(), Row::Step(Arc::new(step)), None)], None))
    })
    .await
}

/// Stores a step's result with its event, once and for ever. False if the lease was lost: then nothing is stored.
pub(crate) async fn settle(ports: &Ports, claimed: &Claimed, result: &StepResult) -> Result<bool> {
    let (stored, data_ref) = claim_check::stow(ports, &claimed.run.key.tenant, result).await?;
    let keys = [Key::Step(claimed.key.clone()), Key::Sequence(claimed.run.key.clone())];
    let now = ports.clock.now_ms();
    transact(ports, &keys, |rows| {
        let Some(step) = rows.step(&keys[0]) else {
            return Ok(Decision::Leave(false));
        };
        if step.epoch == claimed.epoch && step.result.as_ref() == Some(&*stored) {
            return Ok(Decision::Leave(true));
        }
        if !holds(step, claimed) {
            return Ok(Decision::Leave(false));
        }
        let result_of_row = Some(StepResult::clone(&stored));
        let step = Step { lease: None, result: result_of_row, data_ref: data_ref.clone(), ..step.clone() };
        let mut changes = vec![rows.put(keys[0].clone(), Row::Step(Arc::new(step)), None)];
        changes.extend(events::append(
            rows,
            &claimed.run.key,
            now,
            vec![finished_event(&claimed.key, result)],
        ));
        Ok(Decision::Write(changes, true))
    })
    .await
}

/// The event that tells of a stored result.
pub(crate) fn finished_event(step: &StepKey, result: &StepResult) -> EventKind {
    EventKind::StepFinished {
        agent: step.agent.clone(),
        item: step.item.clone(),
        status: result.status(),
        reason: result.reason(),
        basis: result.meta.basis,
        cost: result.meta.cost,
        duration_ms: result.meta.duration_ms,
    }
}

/// Gives up a lease whose work cannot be decided now, so that whoever takes the message next need not wait for its end.
pub(crate) async fn release(ports: &Ports, claimed: &Claimed) {
    let keys = [Key::Step(claimed.key.clone())];
    let released = transact(ports, &keys, |rows| {
        let Some(step) = rows.step(&keys[0]).filter(|step| holds(step, claimed)) else {
            return Ok(Decision::Leave(()));
        };
        let step = Step { lease: None, ..step.clone() };
        Ok(Decision::Write(vec![rows.put(keys[0].clone(), Row::Step(Arc::new(step)), None)], ()))
    })
    .await;
    if let Err(error) = released {
        tracing::warn!(step = %claimed.key, %error, "a lease was not given up; it ends by itself");
    }
}

/// A step that comes back later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) after_ms: u64,
    pub(crate) why: String,
    /// As how many attempts this one counts: 0 for a refusal, which is none; as many as there were failing calls.
    pub(crate) counts: u32,
    /// How many calls were refused for a provider's rate.
    pub(crate) refusals: u32,
}

impl Later {
    /// After so long, and no attempt until then.
    pub(crate) fn after(after_ms: u64, why: impl Into<String>) -> Self {
        Self { after_ms, why: why.into(), counts: 0, refusals: 0 }
    }
}

/// Sends the step back to its queue with the next hop, then gives up the lease.
///
/// In this order, because a message of the next hop must exist before older ones are dropped; a copy too many is
/// harmless.
pub(crate) async fn defer(
    ports: &Ports,
    claimed: &Claimed,
    message: &StepMessage,
    queue: Queue,
    later: &Later,
) -> Result<()> {
    const LONGEST_DELAY_MS: u64 = 900_000;
    let hop = claimed.hop + 1;
    let next = Message::Step(StepMessage { hop, ..message.clone() });
    ports.queues.send(queue, &next, later.after_ms.min(LONGEST_DELAY_MS)).await?;
    let keys = [Key::Step(claimed.key.clone()), Key::Sequence(claimed.run.key.clone())];
    let now = ports.clock.now_ms();
    transact(ports, &keys, |rows| {
        let Some(step) = rows.step(&keys[0]).filter(|step| holds(step, claimed)) else {
            return Ok(Decision::Leave(()));
        };
        let attempt = (step.attempt + later.counts).saturating_sub(1);
        let refusals = step.refusals + later.refusals;
        let step = Step { lease: None, hop, attempt, refusals, ..step.clone() };
        let deferred = EventKind::StepDeferred {
            agent: claimed.key.agent.clone(),
            item: claimed.key.item.clone(),
            hop,
            after_ms: later.after_ms,
            why: later.why.clone(),
        };
        let mut changes = vec![rows.put(keys[0].clone(), Row::Step(Arc::new(step)), None)];
        changes.extend(events::append(rows, &claimed.run.key, now, vec![deferred]));
        Ok(Decision::Write(changes, ()))
    })
    .await
}

/// A step nobody has claimed yet.
pub(crate) fn new_step(key: &StepKey, now: u64) -> Step {
    Step {
        key: key.clone(),
        attempt: 0,
        refusals: 0,
        hop: 0,
        epoch: 0,
        lease: None,
        token: None,
        result: None,
        data_ref: None,
        first_claimed_ms: now,
    }
}

fn holds(step: &Step, claimed: &Claimed) -> bool {
    step.result.is_none() && step.lease.as_ref().is_some_and(|lease| lease.epoch == claimed.epoch)
}
