//! The decision before a paid call: its price, how much output it may give, and who pays.

use super::Keys;
use super::budget::{draw, standing};
use crate::agent::ModelSpec;
use crate::calendar;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Budget, CallId, Charge, ChargeState, Circuit, CircuitState, FindsOut, NanoUsd, Price, Purse, Run,
    SoftAction, SoftLimit, Step, Usage,
};
use crate::ports::{Key, Ports, Row};
use crate::transact::{Decision, Rows, transact};

/// The output that so many calls of a thousand stay under is what a call is sized by.
const SIZED_FOR_PERMILLE: u64 = 980;
const LEAST_SIZED_TOKENS: u64 = 64;

/// A call about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Which call.
    pub call: &'a CallId,
    /// The model it is made to.
    pub model: &'a ModelSpec,
    /// At most so many tokens are sent.
    pub input_tokens: u64,
    /// At most so many are wanted back.
    pub output_tokens: u64,
    /// What the step may still spend.
    pub step_left: NanoUsd,
    /// What it has spent.
    pub step_spent: NanoUsd,
    /// The whole output is covered, whatever was learned of calls like this one.
    pub whole: bool,
    /// No model that serves the agent's tier, and is not shown to be under its floor of quality, would cost less.
    pub is_cheapest: bool,
    /// A model of another provider could be asked instead.
    pub has_alternative: bool,
    /// One of another provider is still to be asked if this call gives way.
    pub may_give_way: bool,
}

/// What a call may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The price it is reckoned at.
    pub price: Price,
    /// Output tokens that are covered: the call must ask for no more.
    pub output_tokens: u64,
    /// What is set aside for it.
    pub worst_case: NanoUsd,
    /// How much of the tenant's day or month is spent or drawn, in percent, where that is beyond its soft limit.
    pub beyond_soft_limit: Option<u8>,
    /// The provider has failed lately; a success must be told.
    pub is_recovering: bool,
    /// What this call finds out for others; how it ends must be told.
    pub finds_out: Option<FindsOut>,
    /// After so long without an answer the call is longer under way than any that was answered lately.
    pub silent_after_ms: u64,
}

/// What was decided about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It may be made.
    Granted(Grant),
    /// Nothing was set aside: the provider has failed lately, and nobody asks it before this time.
    OpenUntil(u64),
    /// Nothing was set aside: it is not known whether the provider answers, and as many calls as may are finding out.
    Unproven,
    /// Nothing was set aside: so many percent of a budget are gone, and the tenant wants the cheapest model now.
    CheapestOnly(u8),
}

/// Sets the worst case of a call aside. Idempotent by call.
///
/// Errors: `Budget` if run or tenant cannot cover it, with a time to come back after if calls under way may free what it
/// takes, or if step or run spend many times what others like it did; `UnknownPrice` if there is no price or only one that is too old; `LeaseLost` if somebody else has the step,
/// `Cancelled` if the run takes no more calls.
pub async fn reserve(ports: &Ports, run: &Run, ask: &Ask<'_>) -> Result<Decided> {
    let places = Places::of(run, ask);
    transact(ports, &places.read(), |rows| decide(ports, run, ask, &places, rows)).await
}

/// Whether a call could be made now: its money is there and its provider is asked. Nothing is set aside, and nothing tried again.
pub(crate) async fn is_covered(ports: &Ports, run: &Run, ask: &Ask<'_>) -> Result<bool> {
    let places = Places::of(run, ask);
    let keys = places.read();
    let rows = Rows::of(&keys, ports.store.read(&keys).await?);
    let decided = match decide(ports, run, ask, &places, &rows) {
        Ok(Decision::Write(_, decided) | Decision::Leave(decided)) => decided,
        Err(_) => return Ok(false),
    };
    Ok(matches!(decided, Decided::Granted(_)))
}

/// The rows that say whether a call may be made.
struct Places {
    money: Keys,
    learned: Key,
    circuit: Key,
}

impl Places {
    fn of(run: &Run, ask: &Ask<'_>) -> Self {
        Self {
            money: Keys::of(run, ask.call),
            learned: Key::Learned(run.key.tenant.clone()),
            circuit: Key::Circuit(ask.model.provider.clone()),
        }
    }

    fn read(&self) -> [Key; 9] {
        let [run, purse, charge, day, month] = self.money.of_money();
        let step = self.money.step.clone();
        [run, purse, charge, step, day, month, self.learned.clone(), Key::Prices, self.circuit.clone()]
    }
}

/// The decision over these rows.
fn decide(
    ports: &Ports,
    run: &Run,
    ask: &Ask<'_>,
    places: &Places,
    rows: &Rows,
) -> Result<Decision<Decided>> {
    let (call, now) = (ask.call, ports.clock.now_ms());
    let (price, as_of) = price_of(ports, rows, ask.model)?;
    let standing = standing(&ports.settings, rows, &places.money.budgets);
    let mut purse = rows.purse(&places.money.purse).cloned().unwrap_or_default();
    let beyond_soft_limit = beyond(purse.soft, &standing);
    let circuit = circuit_of(rows.get(&places.circuit));
    let is_recovering = circuit.failures > 0;
    let silent_after_ms = circuit.silent_after_ms();
    if let Some(charge) = rows.charge(&places.money.charge) {
        return match charge.state {
            ChargeState::Reserved => Ok(Decision::Leave(Decided::Granted(Grant {
                price,
                output_tokens: charge.output_tokens,
                worst_case: charge.worst_case,
                beyond_soft_limit,
                is_recovering,
                // Which it was is not kept with the call.
                finds_out: match circuit.probe_until_ms > now {
                    true => Some(FindsOut::Back),
                    false => circuit.is_unproven(now).then_some(FindsOut::There),
                },
                silent_after_ms,
            }))),
            _ => Err(Error::new(ErrorKind::LeaseLost, "this call has already been closed")),
        };
    }
    check_open(rows, &places.money, &purse, call)?;
    if let (Some(percent), Some(SoftLimit { action: SoftAction::Downgrade, .. }), false) =
        (beyond_soft_limit, purse.soft, ask.is_cheapest)
    {
        return Ok(Decision::Leave(Decided::CheapestOnly(percent)));
    }
    let state = circuit.state(now, ask.has_alternative);
    if let CircuitState::OpenUntil(until_ms) = state {
        return Ok(Decision::Leave(Decided::OpenUntil(until_ms)));
    }
    if ask.may_give_way && circuit.is_tried_enough(now) {
        return Ok(Decision::Leave(Decided::Unproven));
    }
    let output_tokens = sized(rows, &places.learned, ask);
    let worst_case = price.worst_case(ask.input_tokens, output_tokens);
    check_runaway(rows, &places.learned, (run, &purse), ask, worst_case)?;
    if worst_case > ask.step_left {
        let left = ask.step_left;
        let what = format!("a call of up to {worst_case} is more than the {left} left of the step's limit");
        return Err(Error::new(ErrorKind::Budget, what));
    }
    let mut changes = draw(rows, &places.money.budgets, standing, &mut purse, worst_case)?;
    purse.available -= worst_case;
    purse.reserved += worst_case;
    let charge = Charge {
        call: call.clone(),
        model: ask.model.id.clone(),
        workspace: run.workspace.clone(),
        state: ChargeState::Reserved,
        worst_case,
        output_tokens,
        price_as_of: as_of,
        cost: NanoUsd::ZERO,
        usage: Usage::default(),
        reserved_ms: now,
        provider: ask.model.provider.clone(),
        failed: None,
        took_ms: None,
    };
    changes.push(rows.put(places.money.purse.clone(), Row::Purse(purse), None));
    changes.push(rows.put(places.money.charge.clone(), Row::Charge(charge), None));
    changes.push(rows.unchanged(places.money.step.clone()));
    changes.push(rows.unchanged(places.money.run.clone()));
    let finds_out = match state {
        CircuitState::HalfOpen => Some((FindsOut::Back, circuit.probing(now))),
        // Where nobody else can be asked, as many try as want to, and nothing need be known of it.
        _ if ask.may_give_way && circuit.is_unproven(now) => Some((FindsOut::There, circuit.tried(now))),
        _ => None,
    };
    changes.extend(finds_out.map(|(_, next)| rows.put(places.circuit.clone(), Row::Circuit(next), None)));
    let grant = Grant {
        price,
        output_tokens,
        worst_case,
        beyond_soft_limit,
        is_recovering,
        finds_out: finds_out.map(|(what, _)| what),
        silent_after_ms,
    };
    Ok(Decision::Write(changes, Decided::Granted(grant)))
}

/// The circuit a row stands for; without a row it is closed.
pub(crate) fn circuit_of(row: Option<&Row>) -> Circuit {
    match row {
        Some(Row::Circuit(circuit)) => *circuit,
        _ => Circuit::default(),
    }
}

/// The step is the caller's, and the run takes calls.
fn check_open(rows: &Rows, keys: &Keys, purse: &Purse, call: &CallId) -> Result<()> {
    let holds = |step: &Step| {
        step.result.is_none() && step.lease.as_ref().is_some_and(|lease| lease.epoch == call.epoch)
    };
    if !rows.step(&keys.step).is_some_and(holds) {
        return Err(Error::new(ErrorKind::LeaseLost, "another worker has the step"));
    }
    let open = rows.run(&keys.run).is_some_and(|run| !run.cancel_requested && !run.status.is_final());
    if !open || purse.closed || rows.purse(&keys.purse).is_none() {
        return Err(Error::new(ErrorKind::Cancelled, "the run takes no more calls"));
    }
    Ok(())
}

/// The newest price there is, and its date. One that was read too long ago is none.
fn price_of(ports: &Ports, rows: &Rows, model: &ModelSpec) -> Result<(Price, Option<String>)> {
    let name = format!("{}/{}", model.provider, model.id);
    let read_later = match rows.get(&Key::Prices) {
        Some(Row::Prices(list)) => list.prices.get(&name),
        _ => None,
    };
    let unknown = |what: String| Error::new(ErrorKind::UnknownPrice, what);
    // What the operator declared for this endpoint stands above any table.
    let (price, as_of) = match (model.price, &model.price_as_of, read_later) {
        (Some(price), None, _) => return Ok((price, None)),
        (_, as_of, Some(later)) if as_of.as_ref().is_none_or(|as_of| *as_of <= later.as_of) => {
            (later.price, later.as_of.clone())
        }
        (Some(price), Some(as_of), _) => (price, as_of.clone()),
        (None, ..) => {
            let what = format!("the price of {} is unknown; declare it, or no cap could hold", model.id);
            return Err(unknown(what));
        }
    };
    let holds_days = ports.catalogue.prices_hold_days;
    if as_of < calendar::day_before(ports.clock.now_ms(), holds_days) {
        let what = format!(
            "the price of {} was read on {as_of}, more than {holds_days} days ago; read it again: `assay models --prices FILE`",
            model.id
        );
        return Err(unknown(what));
    }
    Ok((price, Some(as_of)))
}

fn beyond(soft: Option<SoftLimit>, standing: &[Budget; 2]) -> Option<u8> {
    let percent = standing.iter().map(Budget::committed_percent).max()?;
    soft.filter(|soft| percent >= soft.percent).map(|_| percent)
}

/// Refuses a call of a step, or of a run, that has spent many times what others like it did, once that is more than a quarter of
/// what it may spend. It goes on by rules. A call costs up to `worst_case`.
fn check_runaway(
    rows: &Rows,
    learned: &Key,
    (run, purse): (&Run, &Purse),
    ask: &Ask<'_>,
    worst_case: NanoUsd,
) -> Result<()> {
    let Some(Row::Learned(learned)) = rows.get(learned) else {
        return Ok(());
    };
    let agent = ask.call.step.agent.as_str();
    let step_may = ask.step_spent + ask.step_left;
    let of = [
        ("this step", format!("steps of {agent}"), learned.steps.get(agent), ask.step_spent, step_may),
        (
            "this run",
            format!("{} runs", run.depth.name()),
            learned.runs.get(run.depth.name()),
            purse.spent,
            purse.cap,
        ),
    ];
    for (what, others, usual, spent, may) in of {
        let Some((usual, far)) = usual.and_then(|usual| Some((usual, usual.runaway_from(worst_case)?)))
        else {
            continue;
        };
        if spent > far && spent.0 > may.0 / 4 {
            let said = format!(
                "{what} has spent {spent}, and {} {others} before it {} on the mean and {} at most: it is stopped as a runaway, and goes on by rules",
                usual.count,
                usual.mean(),
                usual.most
            );
            tracing::warn!(run = %run.key.run, agent, %spent, "{said}");
            return Err(Error::new(ErrorKind::Budget, said).with("spent", spent));
        }
    }
    Ok(())
}

/// How much output the call is sized for: what nearly all calls like it stayed under, and some more. One that is cut off there
/// is made again, whole.
fn sized(rows: &Rows, learned: &Key, ask: &Ask<'_>) -> u64 {
    let learned = match rows.get(learned) {
        Some(Row::Learned(learned)) => learned.of(&ask.call.step.agent, &ask.model.id),
        _ => None,
    };
    let usual = learned.filter(|_| !ask.whole).and_then(|counts| counts.at_most(SIZED_FOR_PERMILLE));
    match usual {
        Some(usual) => (usual + usual / 4).max(LEAST_SIZED_TOKENS).min(ask.output_tokens),
        None => ask.output_tokens,
    }
}
