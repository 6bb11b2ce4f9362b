//! A call is reserved and settled on a purse of the probe's own, and not a nano-dollar is made or lost; and the models have
//! prices.

use std::sync::Arc;

use futures::FutureExt as _;

use super::probe::{Probe, ensure, wrong};
use super::{Check, Finding};
use crate::agent::ModelSpec;
use crate::error::{ErrorKind, Result};
use crate::lease::new_step;
use crate::model::{
    AgentId, Budget, CallId, ChargeState, ContentRef, Depth, ItemId, Lease, NanoUsd, Price, PriceBand, Purse,
    Run, RunKey, RunStatus, Source, Step, Usage,
};
use crate::money::{self, Ask, Decided, Settlement};
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
    // A token of output at a nano-dollar.
    let (call, mut model) = (call(&run.key), model(1_000_000));
    model.price = model.price.map(|price| Price { base: PriceBand { input: 0, ..price.base }, ..price });
    let reserve = async |worst_case: NanoUsd| {
        let output_tokens = worst_case.0.unsigned_abs();
        let ask = Ask { output_tokens, ..ask(&call, &model) };
        money::reserve(ports, &run, &ask).await
    };
    let (above, at) = (reserve(NanoUsd(cap.0 + 1)).await, reserve(cap).await);
    let purse = ports.store.read(std::slice::from_ref(&keys.purse)).await;
    probe.delete(keys.all()).await?;
    match above {
        Err(error) if error.kind() == ErrorKind::Budget => {}
        Err(error) => return Err(error),
        Ok(_) => return Err(wrong("a call above its run's cap was admitted")),
    }
    at?;
    let purse = purse?.pop().flatten().map(|versioned| versioned.row);
    let reserved =
        matches!(purse, Some(Row::Purse(purse)) if purse.reserved == cap && purse.spent == NanoUsd::ZERO);
    ensure(reserved, || "what was reserved is not in the purse".to_owned())
}

/// Reserves and settles a call, looking at the rows after each; returns what it cost.
async fn spend(probe: &Probe<'_>, run: &Run, keys: &Rows) -> Result<NanoUsd> {
    let call = call(&run.key);
    // An odd price, another one each time.
    let model = model(1_234_567_890 + (probe.ports.random.next_u64() % 1_000_000_000) as i64);
    let Decided::Granted(grant) = money::reserve(probe.ports, run, &ask(&call, &model)).await? else {
        return Err(wrong("a call within its budgets was sent to a cheaper model"));
    };
    let worst_case = grant.worst_case;
    let cost = NanoUsd(worst_case.0 / 3 + 1);
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
    let [day, month] = keys.budgets.clone();
    let asked = [keys.purse.clone(), keys.charge.clone(), day, month];
    let mut rows =
        probe.ports.store.read(&asked).await?.into_iter().map(|row| row.map(|versioned| versioned.row));
    let (
        Some(Some(Row::Purse(purse))),
        Some(Some(Row::Charge(charge))),
        Some(Some(Row::Budget(budget))),
        Some(Some(Row::Budget(month))),
    ) = (rows.next(), rows.next(), rows.next(), rows.next())
    else {
        return Err(wrong("purse, ledger or budget are not there"));
    };
    let whole = purse.drawn == purse.available + purse.reserved + purse.spent;
    let told =
        purse.reserved == reserved && purse.spent == spent && charge.cost == spent && charge.state == state;
    let drawn =
        budget.allotted == purse.drawn && budget.spent == NanoUsd::ZERO && purse.unsettled == NanoUsd::ZERO;
    let drawn = drawn && (month.allotted, month.spent) == (budget.allotted, budget.spent);
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
    budgets: [Key; 2],
    charge: Key,
}

impl Rows {
    fn of(run: &Run) -> Self {
        let (key, call) = (&run.key, call(&run.key));
        Self {
            run: Key::Run(key.clone()),
            purse: Key::Purse(key.clone()),
            step: Key::Step(call.step.clone()),
            budgets: money::budgets(&key.tenant, run.created_ms),
            charge: Key::Charge(call),
        }
    }

    fn all(self) -> [Key; 6] {
        let [day, month] = self.budgets;
        [self.run, self.purse, self.step, day, month, self.charge]
    }
}

fn call(run: &RunKey) -> CallId {
    let step = run.step(&AgentId::new(NAME), &ItemId::none());
    CallId { step, epoch: EPOCH, call: CALL }
}

/// The rows a call's money needs, as they are when a step is at work.
fn opened(probe: &Probe<'_>, run: &Run, keys: &Rows, cap: NanoUsd) -> [(Key, Row); 5] {
    let lease = Lease { epoch: EPOCH, owner: 0, until_ms: probe.now_ms + 60_000 };
    let step = Step { epoch: EPOCH, lease: Some(lease), ..new_step(&call(&run.key).step, probe.now_ms) };
    let budget = Budget::of(Some(cap));
    let [day, month] = keys.budgets.clone();
    [
        (keys.run.clone(), Row::Run(run.clone())),
        (keys.purse.clone(), Row::Purse(Purse { cap, ..Purse::default() })),
        (keys.step.clone(), Row::Step(Arc::new(step))),
        (day, Row::Budget(budget.clone())),
        (month, Row::Budget(budget)),
    ]
}

fn ask<'a>(call: &'a CallId, model: &'a ModelSpec) -> Ask<'a> {
    Ask {
        call,
        model,
        input_tokens: 701,
        output_tokens: 303,
        step_left: NanoUsd::from_usd(1),
        step_spent: NanoUsd::ZERO,
        whole: true,
        is_cheapest: true,
        has_alternative: false,
        may_give_way: false,
    }
}

/// A model of the probe's own at so many nano-dollars per million tokens.
fn model(price: i64) -> ModelSpec {
    let band = PriceBand { input: price, output: price, ..PriceBand::default() };
    ModelSpec {
        id: NAME.to_owned(),
        provider: NAME.to_owned(),
        tiers: Vec::new(),
        context_tokens: 4_000,
        max_output_tokens: 1_000,
        price: Some(Price { base: band, ..Price::default() }),
        price_source: NAME.to_owned(),
        price_as_of: None,
    }
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
        cap: None,
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
        trace: None,
        models: crate::model::ModelPolicy::default(),
        repeats: None,
        sketch: None,
        versions: Vec::new(),
        warms: None,
    }
}
