//! What must hold when a run has ended, whatever happened on the way.

use std::collections::{BTreeMap, BTreeSet};

use engine::agent::Catalogue;
use engine::model::{ChargeState, Event, EventKind, NanoUsd, Outcome, Run, RunKey, RunStatus, Step, StepKey};
use engine::ports::{Key, Row};
use engine::routing::{Draws, choose};

use super::faults::Excuse;
use super::ports::Trace;
use super::tally;
use super::world::Ended;

/// For so long in all a run may wait for what is no fault of the world: before it looks or writes again.
const UNEXCUSED_MS: u64 = 15_000;

/// Something that should not have happened: the oracle that saw it, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which oracle.
    pub oracle: &'static str,
    /// What it saw.
    pub what: String,
}

/// Asks all oracles.
pub(super) fn check(ended: &Ended, catalogue: &Catalogue) -> Vec<Violation> {
    let rows = ended.store.all_rows();
    let mut violations = Vec::new();
    let mut see = |oracle: &'static str, what: String| violations.push(Violation { oracle, what });
    let log = ended.log.all();
    if ended.run.run.as_str() == "-" {
        if !log.iter().any(|trace| matches!(trace, Trace::Refused(why) if why.starts_with("Budget"))) {
            see("ends", "the request was neither accepted nor refused".to_owned());
        }
        return violations;
    }
    ends_and_is_explained(ended, catalogue, &rows, &mut see);
    ends_once(&rows, &mut see);
    steps_end_once(&rows, &mut see);
    holders_only(&rows, &log, &mut see);
    made_ahead(ended, &rows, &mut see);
    never_again(ended, &rows, &log, &mut see);
    one_delivery(ended, &mut see);
    ledger_and_bill(ended, &rows, &mut see);
    fits_its_schema(ended, catalogue, &mut see);
    choices(&rows, &mut see);
    nothing_left(ended, &rows, &mut see);
    for what in ended.limits.faults(ended.calm) {
        see("rates", what);
    }
    for trace in &log {
        if let Trace::Budget { .. } = trace {
            see("budget", format!("{trace:?}"));
        }
    }
    events_without_gap(&rows, &mut see);
    if ended.calm {
        calm_is_whole(ended, &rows, &mut see);
    }
    if ended.only_lost {
        nothing_is_lost(ended, &rows, &mut see);
    }
    violations.extend(tally::violations(&ended.figures, &log));
    violations.extend(tally::told(&ended.figures, &ended.told, ended.calm));
    violations
}

fn steps(rows: &[(Key, Row)]) -> impl Iterator<Item = &Step> {
    rows.iter().filter_map(|(_, row)| match row {
        Row::Step(step) => Some(&**step),
        _ => None,
    })
}

fn ends_and_is_explained(
    ended: &Ended,
    catalogue: &Catalogue,
    rows: &[(Key, Row)],
    see: &mut impl FnMut(&'static str, String),
) {
    let Some(Row::Run(run)) =
        rows.iter().find(|(key, _)| *key == Key::Run(ended.run.clone())).map(|(_, row)| row)
    else {
        return see("ends", "the run is gone".to_owned());
    };
    if !run.status.is_final() {
        see("ends", format!("the run is still {}", run.status.name()));
    }
    if run.finished_ms.is_some_and(|at| at > run.deadline_ms + 180_000) {
        see("ends", "the run ended long after its deadline".to_owned());
    }
    let waits = waits_in_vain(ended, rows, run.created_ms, run.finished_ms.unwrap_or(run.deadline_ms));
    if waits.iter().map(|(from_ms, until_ms)| until_ms - from_ms).sum::<u64>() > UNEXCUSED_MS {
        see(
            "waits in vain",
            format!("the run waited without a cause, from and until ms after its start: {waits:?}"),
        );
    }
    if run.status == RunStatus::Failed
        && run.failure.as_ref().is_none_or(|failure| failure.message.is_empty())
    {
        see("explained", "the run failed without a word".to_owned());
    }
    for step in steps(rows) {
        match &step.result {
            None => see("ends", format!("{} has no result", step.key)),
            Some(result) => match &result.outcome {
                Outcome::Failed(error) if error.message.is_empty() => {
                    see("explained", format!("{} failed without a word", step.key));
                }
                _ => {}
            },
        }
    }
    let ran: BTreeSet<&str> = steps(rows).map(|step| step.key.agent.as_str()).collect();
    for agent in catalogue.agents.iter().filter(|agent| agent.is_in(run.depth) && agent.fan_out.is_none()) {
        if run.status != RunStatus::Running && !ran.contains(agent.id.as_str()) {
            see("explained", format!("{} was planned and left no trace", agent.id));
        }
    }
}

/// When a run waited between these times though nothing in the world made it wait, in milliseconds from the first of them.
fn waits_in_vain(ended: &Ended, rows: &[(Key, Row)], from_ms: u64, until_ms: u64) -> Vec<(u64, u64)> {
    let of_run = events_by_run(rows).remove(&ended.run).unwrap_or_default();
    // Only the engine knows for how long it does not ask a provider that has failed.
    let open = of_run.into_iter().filter_map(|event| match &event.kind {
        EventKind::StepDeferred { after_ms, why, .. } if why.contains("lately") => {
            Some(Excuse::lasting(event.at_ms, *after_ms))
        }
        _ => None,
    });
    unexcused(ended.excuses.iter().copied().chain(open).collect(), from_ms, until_ms)
}

fn unexcused(mut excuses: Vec<Excuse>, from_ms: u64, until_ms: u64) -> Vec<(u64, u64)> {
    excuses.sort_unstable();
    let mut waits = Vec::new();
    let mut excused_ms = from_ms;
    for excuse in excuses.into_iter().chain([Excuse::lasting(until_ms, 0)]) {
        let begins_ms = excuse.from_ms.min(until_ms);
        if begins_ms > excused_ms {
            waits.push((excused_ms - from_ms, begins_ms - from_ms));
        }
        excused_ms = excused_ms.max(excuse.until_ms);
    }
    waits
}

/// A run ends once.
fn ends_once(rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    for (run, events) in events_by_run(rows) {
        let ends = events.iter().filter(|event| matches!(event.kind, EventKind::Finished { .. })).count();
        if ends > 1 {
            see("ends once", format!("the run {run} ended {ends} times"));
        }
    }
}

/// A step is not begun again after its end, and ends once.
fn steps_end_once(rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    for (run, events) in events_by_run(rows) {
        let mut ended = BTreeSet::new();
        for event in events {
            match &event.kind {
                EventKind::StepStarted { agent, item, .. } if ended.contains(&(agent, item)) => {
                    see("never again", format!("{agent}/{item} of {run} was begun after its end"));
                }
                EventKind::StepFinished { agent, item, .. } if !ended.insert((agent, item)) => {
                    see("never again", format!("{agent}/{item} of {run} ended twice"));
                }
                _ => {}
            }
        }
    }
}

/// Who has lost a step neither stores its result nor pays for it.
fn holders_only(rows: &[(Key, Row)], log: &[Trace], see: &mut impl FnMut(&'static str, String)) {
    for step in steps(rows) {
        if let Some(result) = step.result.as_ref().filter(|result| result.meta.attempt != step.attempt) {
            let what = format!("{} is attempt {}'s, held {}", step.key, result.meta.attempt, step.attempt);
            see("holders only", what);
        }
    }
    let mut holders: BTreeMap<&StepKey, u32> = BTreeMap::new();
    for trace in log {
        match trace {
            Trace::Claimed { step, epoch } => drop(holders.insert(step, *epoch)),
            Trace::Reserved { step, epoch } if holders.get(step).is_some_and(|holder| holder != epoch) => {
                see("holders only", format!("{step} was paid for under lease {epoch}: {holders:?}"));
            }
            _ => {}
        }
    }
}

/// The row of a forecast is due again until it is decided.
pub(super) fn is_forecast(key: &Key) -> bool {
    matches!(key, Key::Warming(..))
}

fn events_by_run(rows: &[(Key, Row)]) -> BTreeMap<&RunKey, Vec<&Event>> {
    let mut events: BTreeMap<&RunKey, Vec<&Event>> = BTreeMap::new();
    for (key, row) in rows {
        if let (Key::Event(run, _), Row::Event(event)) = (key, row) {
            events.entry(run).or_default().push(event);
        }
    }
    events
}

/// Runs that make a stored answer ahead.
fn runs_ahead(rows: &[(Key, Row)]) -> impl Iterator<Item = &Run> {
    rows.iter().filter_map(|(_, row)| match row {
        Row::Run(run) if run.warms.is_some() => Some(run),
        _ => None,
    })
}

/// An answer is made ahead once, under its cap; where nothing goes wrong, it is made.
fn made_ahead(ended: &Ended, rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    let runs: Vec<&Run> = runs_ahead(rows).collect();
    if runs.len() > 1 {
        see("ahead", format!("{} runs make one answer ahead", runs.len()));
    }
    let warming = &ended.figures.kept.warming;
    if ended.ahead && ended.calm && (runs.len(), warming.refreshed, warming.failed) != (1, 1, 0) {
        see("ahead", format!("{} runs, {warming:?}", runs.len()));
    }
}

/// No call to a model for a step whose result is stored. A process that stood still between its claim on the money and its call
/// makes that one call when it goes on, which nobody could keep it from.
fn never_again(
    ended: &Ended,
    rows: &[(Key, Row)],
    log: &[Trace],
    see: &mut impl FnMut(&'static str, String),
) {
    let mut stored = BTreeSet::new();
    let mut excused = BTreeSet::new();
    let is_again = |step: &StepKey| {
        let mut again = runs_ahead(rows).filter_map(|run| run.warms.as_ref());
        again.any(|warms| warms.step.agent == step.agent && warms.step.item == step.item)
    };
    for trace in log {
        match trace {
            Trace::Stored(step) if is_again(step) => {}
            Trace::Stored(step) => {
                stored.insert((step.agent.as_str().to_owned(), step.item.as_str().to_owned()));
            }
            Trace::Called { agent, item, process }
                if stored.contains(&(agent.clone(), item.clone()))
                    && !(ended.stood_still.contains(process) && excused.insert((agent, item))) =>
            {
                see("never again", format!("{agent}/{item} was called after its result was stored"));
            }
            _ => {}
        }
    }
}

fn one_delivery(ended: &Ended, see: &mut impl FnMut(&'static str, String)) {
    let posts = ended.delivery.posts().len();
    if posts != 1 {
        see("one delivery", format!("{posts} posts"));
    }
}

fn ledger_and_bill(ended: &Ended, rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    let (mut ledger, mut unsettled) = (NanoUsd::ZERO, NanoUsd::ZERO);
    let mut by_step: BTreeMap<String, NanoUsd> = BTreeMap::new();
    let mut by_run: BTreeMap<&RunKey, NanoUsd> = BTreeMap::new();
    for (_, row) in rows {
        let Row::Charge(charge) = row else { continue };
        ledger += charge.cost;
        *by_run.entry(&charge.call.step.run).or_default() += charge.cost;
        *by_step.entry(format!("{}/{}", charge.call.step.agent, charge.call.step.item)).or_default() +=
            charge.cost;
        match charge.state {
            ChargeState::Unsettled => unsettled += charge.cost,
            ChargeState::Reserved => see("ledger", format!("{:?} is still reserved", charge.call)),
            ChargeState::Settled | ChargeState::Void => {}
        }
    }
    let bill = ended.bill.total();
    let mut billed: BTreeMap<String, NanoUsd> = BTreeMap::new();
    for line in ended.bill.lines() {
        *billed.entry(format!("{}/{}", line.agent, line.item)).or_default() +=
            NanoUsd(line.cost_nano_usd.unwrap_or(0));
    }
    for (step, bill) in &billed {
        let ledger = by_step.get(step).copied().unwrap_or_default();
        if ledger < *bill {
            see("ledger", format!("for {step} the ledger says {ledger}, the bill {bill}"));
        }
    }
    if ledger - bill > unsettled {
        see(
            "ledger",
            format!("the ledger says {ledger}, the bill {bill}, and only {unsettled} is listed as unsettled"),
        );
    }
    let of_run = |run: &RunKey| by_run.get(run).copied().unwrap_or_default();
    for (key, row) in rows {
        match (key, row) {
            (Key::Purse(run), Row::Purse(purse))
                if purse.spent != of_run(run) || purse.reserved != NanoUsd::ZERO =>
            {
                see("ledger", format!("the ledger says {}, the run's purse {purse:?}", of_run(run)));
            }
            (Key::Run(key), Row::Run(run)) if run.status.is_final() && run.cost != of_run(key) => {
                see("ledger", format!("the ledger says {}, the run {}", of_run(key), run.cost));
            }
            (Key::Budget(..), Row::Budget(budget))
                if budget.spent != ledger || budget.allotted != NanoUsd::ZERO =>
            {
                see("ledger", format!("the ledger says {ledger}, the tenant's budget {budget:?}"));
            }
            _ => {}
        }
    }
}

/// No data that does not fit its agent's schema is passed on.
fn fits_its_schema(ended: &Ended, catalogue: &Catalogue, see: &mut impl FnMut(&'static str, String)) {
    for result in ended.results() {
        let data = match &result.outcome {
            Outcome::Ok(data) | Outcome::Uncertain { data: Some(data), .. } => data,
            _ => continue,
        };
        let Some(spec) = catalogue.agent(&result.meta.agent) else { continue };
        let faults = spec.data_faults(data);
        if !faults.is_empty() {
            see("schema", format!("{}/{}: {}", spec.id, result.meta.item, faults.join("; ")));
        }
    }
}

/// A model that was chosen would be chosen again, and each step it gave its end is learned of once.
fn choices(rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    let mut answered = 0;
    for result in steps(rows).filter_map(|step| step.result.as_ref()) {
        let meta = &result.meta;
        let Some(routing) = &meta.routing else { continue };
        let mut draws = Draws::of(&meta.run, &meta.agent, &meta.item, meta.attempt);
        let again = choose(&mut draws, &routing.arms);
        if (again.picked, again.why) != (routing.picked, routing.why) {
            see("choices", format!("{}/{}: {again:?} instead of {routing:?}", meta.agent, meta.item));
        }
        answered += u64::from(routing.answered.is_some());
    }
    let learned: u64 = rows
        .iter()
        .filter_map(|(_, row)| match row {
            Row::Learned(learned) => {
                Some(learned.arms.values().map(|arm| u64::from(arm.steps())).sum::<u64>())
            }
            _ => None,
        })
        .sum();
    if learned != answered {
        see(
            "choices",
            format!("{answered} steps got their end from a chosen model, {learned} are learned of"),
        );
    }
}

fn nothing_left(ended: &Ended, rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    for step in steps(rows) {
        if step.lease.is_some() {
            see("nothing left", format!("{} is still leased", step.key));
        }
    }
    for (key, due_ms) in ended.store.due_rows().into_iter().filter(|(key, _)| !is_forecast(key)) {
        see("nothing left", format!("{key:?} is still due at {due_ms}"));
    }
    for (key, row) in rows {
        if matches!(row, Row::Outbox(_)) {
            see("nothing left", format!("{key:?} was never sent"));
        }
    }
    let waiting = ended.workflow.open();
    if waiting > 0 {
        see("nothing left", format!("{waiting} executions are still open"));
    }
    if !ended.queues.is_empty() {
        see("nothing left", format!("{} messages are still queued", ended.queues.len()));
    }
}

/// Where nothing fails, nothing is lost: no dead letter, no failed step, one attempt each.
fn calm_is_whole(ended: &Ended, rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    if ended.dead_letters > 0 {
        see("calm", format!("{} dead letters", ended.dead_letters));
    }
    for result in steps(rows).filter_map(|step| step.result.as_ref()) {
        if matches!(result.outcome, Outcome::Failed(_)) || result.meta.attempt > 1 {
            see(
                "calm",
                format!("{}: attempt {}, {:?}", result.meta.agent, result.meta.attempt, result.reason()),
            );
        }
    }
}

/// Where nothing happens but that the process is lost, the run is completed by the next one, and soon.
fn nothing_is_lost(ended: &Ended, rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    /// When the next process has what the lost one held, and then some.
    const SOON_MS: u64 = 150_000;
    let soon_ms = SOON_MS + ended.calm_ms;
    if ended.kill_at.is_some() && ended.kills != 1 {
        see("kill", format!("{} kills at {:?}", ended.kills, ended.kill_at));
    }
    if ended.dead_letters > 0 {
        see("lost", format!("{} dead letters", ended.dead_letters));
    }
    for (_, row) in rows {
        match row {
            Row::Run(run) if run.status != RunStatus::Complete => {
                see("lost", format!("the run is {}: {:?}", run.status.name(), run.failure));
            }
            Row::Run(run) if run.finished_ms.is_some_and(|at| at > run.created_ms + soon_ms) => {
                see("lost", format!("the run took until {:?} from {}", run.finished_ms, run.created_ms));
            }
            Row::Step(step) => {
                if let Some(Outcome::Failed(error)) = step.result.as_ref().map(|result| &result.outcome) {
                    see("lost", format!("{}: {}", step.key, error.message));
                }
            }
            _ => {}
        }
    }
}

fn events_without_gap(rows: &[(Key, Row)], see: &mut impl FnMut(&'static str, String)) {
    for (run, events) in events_by_run(rows) {
        for (expected, event) in (1..).zip(events) {
            if event.seq != expected {
                see("events", format!("event {} of {run} stands where {expected} should", event.seq));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_fault_excuses_is_a_wait_in_vain() {
        let check = |excuses: &[(u64, u64)], expected: &[(u64, u64)]| {
            let excuses =
                excuses.iter().map(|(from_ms, for_ms)| Excuse::lasting(*from_ms, *for_ms)).collect();
            assert_eq!(unexcused(excuses, 1_000, 181_000), expected);
        };
        check(&[], &[(0, 180_000)]);
        // Three kills take all of it, in whatever order they are told; of two at once the longer one counts.
        check(&[(121_000, 60_000), (1_000, 60_000), (61_000, 60_000)], &[]);
        check(&[(1_000, 149_000), (2_000, 1_000)], &[(149_000, 180_000)]);
        // What happens later than the run's end excuses nothing.
        check(&[(1_000, 60_000), (190_000, 60_000)], &[(60_000, 180_000)]);
    }
}
