//! A call is reserved and settled on a purse of the probe's own, and not a nano-dollar is made or lost; and the models have
//! prices.

use std::sync::Arc;

use futures::FutureExt as _;

use super::probe::{Probe, ensure, wrong};
use super::{Check, Finding};
use crate::error::{ErrorKind, Result};
use crate::lease::new_step;
use crate::model::{
    AgentId, Budget, CallId, ChargeState, ContentRef, Depth, ItemId, Lease, NanoUsd, Purse, Run, RunKey,
    RunStatus, Source, Step, Usage,
};
use crate::money::{self, Reservation, Settlement, window};
use crate::ports::{Key, Ports, Row};

const NAME: &str = "cost_optimizer";
const EPOCH: u32 = 1;
const CALL: u32 = 1;

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: true,
    about: "a call is reserved and settled on a purse of its own: purse, ledger and budget agree to the nano-dollar; every \
            model has a price",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let models = &probe.ports.catalogue.models;
    if let Some(model) = models.iter().find(|model| model.price.is_none()) {
        return Ok(Finding::fail(format!("the price of {} is unknown: calls of it are refused", model.id)));
    }
    let run = run(probe, NAME);
    let keys = Rows::of(&run);
    probe.create(opened(probe, &run, &keys, NanoUsd::from_usd(1))).await?;
    let spent = spend(probe, &run, &keys).await;
    let deleted = probe.delete(keys.all()).await;
    let cost = spent?;
    deleted?;
    Ok(Finding::pass(format!(
        "{cost} of a reservation were settled to the nano-dollar; {} prices known",
        models.len()
    )))
}

/// Tries to reserve a nano-dollar more than a run's cap, and then the cap itself. Errors: `Internal` if the first is admitted or
/// the second is not, storage errors.
pub async fn refuses_overspend(ports: &Ports) -> Result<()> {
    let probe = Probe::new(ports);
    let run = run(&probe, "cost_optimisation");
    let keys = Rows::of(&run);
    let cap = NanoUsd::from_milli_usd(1);
    probe.create(opened(&probe, &run, &keys, cap)).await?;
    let (call, model) = (call(&run.key), "probe");
    let reserve =
        async |worst_case| money::reserve(ports, &run, &Reservation { call: &call, model, worst_case }).await;
    let (above, at) = (reserve(NanoUsd(cap.0 + 1)).await, reserve(cap).await);
    let purse = ports.store.read(std::slice::from_ref(&keys.purse)).await;
    probe.delete(keys.all()).await?;
    match above {
        Err(error) if error.kind() == ErrorKind::Budget => {}
        Err(error) => return Err(error),
        Ok(()) => return Err(wrong("a call above its run's cap was admitted")),
    }
    at?;
    let purse = purse?.pop().flatten().map(|versioned| versioned.row);
    let reserved =
        matches!(purse, Some(Row::Purse(purse)) if purse.reserved == cap && purse.spent == NanoUsd::ZERO);
    ensure(reserved, || "what was reserved is not in the purse".to_owned())
}

/// Reserves and settles a call, looking at the rows after each; returns what it cost.
async fn spend(probe: &Probe<'_>, run: &Run, keys: &Rows) -> Result<NanoUsd> {
    // Odd amounts, other ones each time.
    let worst_case = NanoUsd(1_234_567 + (probe.ports.random.next_u64() % 1_000_000) as i64);
    let cost = NanoUsd(worst_case.0 / 3 + 1);
    let call = call(&run.key);
    let model = "probe";
    money::reserve(probe.ports, run, &Reservation { call: &call, model, worst_case }).await?;
    conserved(probe, keys, ChargeState::Reserved, worst_case, NanoUsd::ZERO).await?;
    let usage = Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() };
    money::settle(probe.ports, run, &call, Settlement::Used(usage, cost)).await?;
    conserved(probe, keys, ChargeState::Settled, NanoUsd::ZERO, cost).await?;
    Ok(cost)
}

/// Nothing but what is expected is set aside or spent, and what was drawn is where it should be.
async fn conserved(
    probe: &Probe<'_>,
    keys: &Rows,
    state: ChargeState,
    reserved: NanoUsd,
    spent: NanoUsd,
) -> Result<()> {
    let asked = [keys.purse.clone(), keys.charge.clone(), keys.budget.clone()];
    let mut rows =
        probe.ports.store.read(&asked).await?.into_iter().map(|row| row.map(|versioned| versioned.row));
    let (Some(Some(Row::Purse(purse))), Some(Some(Row::Charge(charge))), Some(Some(Row::Budget(budget)))) =
        (rows.next(), rows.next(), rows.next())
    else {
        return Err(wrong("purse, ledger or budget are not there"));
    };
    let whole = purse.drawn == purse.available + purse.reserved + purse.spent;
    let told =
        purse.reserved == reserved && purse.spent == spent && charge.cost == spent && charge.state == state;
    let drawn =
        budget.allotted == purse.drawn && budget.spent == NanoUsd::ZERO && purse.unsettled == NanoUsd::ZERO;
    ensure(whole && told && drawn, || {
        format!(
            "the money does not add up: {purse:?}, charged {} {:?}, allotted {}",
            charge.cost, charge.state, budget.allotted
        )
    })
}

/// The rows of a probe's money.
struct Rows {
    run: Key,
    purse: Key,
    step: Key,
    budget: Key,
    charge: Key,
}

impl Rows {
    fn of(run: &Run) -> Self {
        let (key, call) = (&run.key, call(&run.key));
        Self {
            run: Key::Run(key.clone()),
            purse: Key::Purse(key.clone()),
            step: Key::Step(call.step.clone()),
            budget: Key::Budget(key.tenant.clone(), window(run.created_ms)),
            charge: Key::Charge(call),
        }
    }

    fn all(self) -> [Key; 5] {
        [self.run, self.purse, self.step, self.budget, self.charge]
    }
}

fn call(run: &RunKey) -> CallId {
    let step = run.step(&AgentId::new(NAME), &ItemId::none());
    CallId { step, epoch: EPOCH, call: CALL }
}

/// The rows a call's money needs, as they are when a step is at work.
fn opened(probe: &Probe<'_>, run: &Run, keys: &Rows, cap: NanoUsd) -> [(Key, Row); 4] {
    let lease = Lease { epoch: EPOCH, owner: 0, until_ms: probe.now_ms + 60_000 };
    let step = Step { epoch: EPOCH, lease: Some(lease), ..new_step(&call(&run.key).step, probe.now_ms) };
    let budget = Budget { limit: cap, allotted: NanoUsd::ZERO, spent: NanoUsd::ZERO };
    [
        (keys.run.clone(), Row::Run(run.clone())),
        (keys.purse.clone(), Row::Purse(Purse { cap, ..Purse::default() })),
        (keys.step.clone(), Row::Step(Arc::new(step))),
        (keys.budget.clone(), Row::Budget(budget)),
    ]
}

fn run(probe: &Probe<'_>, name: &str) -> Run {
    Run {
        key: probe.run(name),
        workspace: name.to_owned(),
        source: Source {
            name: name.to_owned(),
            media_type: "text/plain".to_owned(),
            bytes: 0,
            content: ContentRef::new(""),
            link: None,
        },
        depth: Depth::Quick,
        use_cache: false,
        catalogue_version: probe.ports.catalogue.version.clone(),
        created_ms: probe.now_ms,
        deadline_ms: probe.now_ms + Depth::Quick.deadline_ms(),
        status: RunStatus::Running,
        cancel_requested: false,
        failure: None,
        finished_ms: None,
        cost: NanoUsd::ZERO,
        saved: NanoUsd::ZERO,
    }
}
