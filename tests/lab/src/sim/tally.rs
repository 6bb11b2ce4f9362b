//! A tenant's figures reckoned a second time, from what ended runs left behind: their events, ledgers and results.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use engine::agent::Catalogue;
use engine::critical_path;
use engine::memory::MemoryMetrics;
use engine::model::{
    AgentId, Basis, ChargeState, Counters, Depth, EventKind, Histogram, NanoUsd, Run, RunKey, Status, Warmed,
};
use engine::ports::{Key, Row};

use super::oracles::Violation;
use super::ports::Trace;

/// A tenant's figures, told twice.
#[derive(Debug, Default)]
pub struct Figures {
    /// The sum of the rows they are kept in, with what calls cost as it is known now, which is what a ledger says.
    pub kept: Counters,
    /// What they must be: steps and runs by the events, money and calls by the ledger, the rest by the results.
    pub reckoned: Counters,
}

impl Figures {
    pub(super) fn of(rows: &[(Key, Row)], catalogue: &Catalogue) -> Self {
        let (kept, mut reckoned) = (kept(rows), reckoned(rows, catalogue));
        // Nothing but the figures keeps what became of forecasts. What was not made is counted by its cost, of which more may
        // be known by now.
        let Warmed { refreshed, spared, .. } = reckoned.warming;
        let spared = spared.saturating_sub(kept.warming.failed);
        reckoned.warming = Warmed { refreshed, spared, ..kept.warming };
        Self { kept, reckoned }
    }
}

fn kept(rows: &[(Key, Row)]) -> Counters {
    let mut sum = Counters::default();
    for (_, row) in rows {
        if let Row::Counters(counters) = row {
            sum += counters;
        }
    }
    sum.cost = sum.net_cost();
    sum.cost_returned = NanoUsd::ZERO;
    sum
}

fn reckoned(rows: &[(Key, Row)], catalogue: &Catalogue) -> Counters {
    let mut counters = Counters::default();
    let runs = rows.iter().filter_map(|(_, row)| match row {
        Row::Run(run) => Some(run),
        _ => None,
    });
    for Run { key: run, depth, warms, status, .. } in runs {
        if warms.is_some() {
            if status.is_final() {
                add_ahead(&mut counters, rows, run);
            }
            continue;
        }
        if let Some(times) = add_events(&mut counters, rows, run, *depth) {
            counters.critical_path_ms += longest_chain(&times, catalogue);
            add_ledger(&mut counters, rows, run);
            add_results(&mut counters, rows, run);
        }
    }
    counters
}

/// Figures that differ from what they must be, or that were ever less than before.
pub(super) fn violations(figures: &Figures, log: &[Trace]) -> Vec<Violation> {
    let Figures { kept, reckoned } = figures;
    let mut violations = Vec::new();
    if kept != reckoned {
        let what = format!("{} are kept where events, ledger and results say {}", text(kept), text(reckoned));
        violations.push(Violation { oracle: "figures", what });
    }
    let mut earlier: BTreeMap<u32, &Counters> = BTreeMap::new();
    for trace in log {
        let Trace::Counted { shard, counters } = trace else { continue };
        if let Some(before) = earlier.insert(*shard, counters)
            && !never_less(before, counters)
        {
            let what = format!("{} became {}", text(before), text(counters));
            violations.push(Violation { oracle: "figures never go down", what });
        }
    }
    violations
}

/// Facts that the operator's metrics have more of than the figures, or, where nothing went wrong, less.
pub(super) fn told(figures: &Figures, told: &MemoryMetrics, calm: bool) -> Vec<Violation> {
    let kept = &figures.kept;
    let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    let count = |status: &str| kept.runs.get(status).copied().unwrap_or_default();
    let facts = [
        ("runs_ended", sum(&kept.runs)),
        ("runs_failed", count("failed")),
        ("runs_partial", count("partial")),
        ("steps", sum(&kept.steps)),
        ("step_errors", sum(&kept.step_errors)),
        ("recall_lookups", kept.recall_lookups),
        ("recall_hits", sum(&kept.cache_hits)),
    ];
    let wrong = facts.into_iter().filter(|(name, kept)| match told.counted(name).cmp(kept) {
        Ordering::Greater => true,
        Ordering::Less => calm,
        Ordering::Equal => false,
    });
    wrong
        .map(|(name, kept)| Violation {
            oracle: "what is told is what is kept",
            what: format!("{} {name} were told, {kept} are kept", told.counted(name)),
        })
        .collect()
}

fn text(counters: &Counters) -> String {
    serde_json::to_string(counters).unwrap_or_default()
}

/// How long each agent's longest step took, if the run has ended.
fn add_events(
    counters: &mut Counters,
    rows: &[(Key, Row)],
    run: &RunKey,
    depth: Depth,
) -> Option<BTreeMap<AgentId, u64>> {
    let events = rows.iter().filter_map(|(key, row)| match (key, row) {
        (Key::Event(of, _), Row::Event(event)) if of == run => Some(event),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    if !events.iter().any(|event| matches!(event.kind, EventKind::Finished { .. })) {
        return None;
    }
    let (mut accepted_ms, mut took_ms) = (0, BTreeMap::new());
    for event in events {
        match &event.kind {
            EventKind::Accepted => accepted_ms = event.at_ms,
            EventKind::StepFinished { agent, status, reason, basis, duration_ms, .. } => {
                *counters.steps.entry(format!("{agent}/{}", status.name())).or_default() += 1;
                if *status == Status::Failed {
                    let kind = reason.as_deref().and_then(|reason| reason.split(':').next());
                    *counters.step_errors.entry(kind.unwrap_or_default().to_owned()).or_default() += 1;
                }
                if let Basis::Cache { level, .. } = basis {
                    *counters.cache_hits.entry(level.name().to_owned()).or_default() += 1;
                }
                if *status != Status::Skipped {
                    observe(&mut counters.step_ms, agent.as_str(), *duration_ms);
                }
                let longest = took_ms.entry(agent.clone()).or_insert(0);
                *longest = (*duration_ms).max(*longest);
            }
            EventKind::Finished { status } => {
                let makespan_ms = event.at_ms - accepted_ms;
                *counters.runs.entry(status.name().to_owned()).or_default() += 1;
                observe(&mut counters.level_ms, depth.name(), makespan_ms);
                counters.makespan_ms += makespan_ms;
            }
            _ => {}
        }
    }
    Some(took_ms)
}

fn longest_chain(took_ms: &BTreeMap<AgentId, u64>, catalogue: &Catalogue) -> u64 {
    let inputs = catalogue
        .agents
        .iter()
        .filter(|agent| took_ms.contains_key(&agent.id))
        .map(|agent| (agent.id.clone(), agent.needs.iter().chain(&agent.uses).cloned().collect()))
        .collect();
    critical_path(&inputs, took_ms)
}

fn add_ledger(counters: &mut Counters, rows: &[(Key, Row)], run: &RunKey) {
    let charges = rows.iter().filter_map(|(_, row)| match row {
        Row::Charge(charge) if charge.call.step.run == *run => Some(charge),
        _ => None,
    });
    for charge in charges {
        counters.cost += charge.cost;
        if charge.state == ChargeState::Settled {
            counters.usage = counters.usage + charge.usage;
        }
        // A call that our own rates refused left neither a failure nor a bill.
        if charge.state == ChargeState::Void && charge.failed.is_none() {
            continue;
        }
        *counters.calls.entry(charge.provider.clone()).or_default() += 1;
        if charge.failed.is_some() {
            *counters.call_errors.entry(charge.provider.clone()).or_default() += 1;
        }
        if let Some(took_ms) = charge.took_ms {
            observe(&mut counters.call_ms, &charge.provider, took_ms);
        }
    }
}

/// A run that made an answer ahead, or did not.
fn add_ahead(counters: &mut Counters, rows: &[(Key, Row)], run: &RunKey) {
    add_ledger(counters, rows, run);
    let made = rows.iter().any(|(_, row)| match row {
        Row::Step(step) if step.key.run == *run => step
            .result
            .as_ref()
            .is_some_and(|result| result.status() == Status::Ok && matches!(result.meta.basis, Basis::Model)),
        _ => false,
    });
    counters.warming.refreshed += u64::from(made);
    counters.warming.spared += u64::from(!made);
}

fn add_results(counters: &mut Counters, rows: &[(Key, Row)], run: &RunKey) {
    let results = rows.iter().filter_map(|(_, row)| match row {
        Row::Step(step) if step.key.run == *run => step.result.as_ref(),
        _ => None,
    });
    for result in results {
        counters.recall_lookups += u64::from(result.meta.looked_up);
        counters.saved += result.meta.saved;
        counters.spared_tokens += result.meta.spared_tokens;
        counters.saved_tokens += result.meta.recall.as_ref().map_or(0, |note| note.saved_tokens);
    }
}

fn observe(histograms: &mut BTreeMap<String, Histogram>, name: &str, milliseconds: u64) {
    histograms.entry(name.to_owned()).or_default().observe(milliseconds);
}

/// True if no figure of `after` is less than in `before`.
fn never_less(before: &Counters, after: &Counters) -> bool {
    let (before, after) = (serde_json::json!(before), serde_json::json!(after));
    at_least(&after, &before)
}

fn at_least(more: &serde_json::Value, less: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (more, less) {
        (Object(more), Object(less)) => {
            less.iter().all(|(name, less)| more.get(name).is_some_and(|more| at_least(more, less)))
        }
        (Array(more), Array(less)) => {
            more.len() == less.len() && more.iter().zip(less).all(|(more, less)| at_least(more, less))
        }
        (Number(more), Number(less)) => more.as_i64() >= less.as_i64(),
        _ => false,
    }
}
