//! The uses of stored answers, noted after their run has ended. What is lost here costs a forecast, so nothing waits for it
//! and nothing fails by it.

use std::collections::BTreeMap;

use super::{is_made, key};
use crate::agent::Fact;
use crate::error::Result;
use crate::figures;
use crate::model::{
    Basis, Counters, Forecast, Kept, RecallNote, Refresh, Run, Step, StepResult, Told, Warmed, Warming, Warms,
};
use crate::ports::{Change, Key, Ports, Row};
use crate::transact::{Decision, Rows, transact};

/// Of an ended run so many uses are noted at most: they are one transaction.
const MOST_USES: usize = 90;
/// What a row is kept beyond the time that it is about.
const KEPT_MS: u64 = 3_600_000;
/// An answer is looked at so long before it ends being fresh, or a tenth of its time if that is less: there must be time for
/// two sweeps and a slow model.
const LEAD_MS: u64 = 300_000;
/// A forecast takes so many gaps at least.
const LEAST_GAPS: usize = 2;

/// A step that used a stored answer, or made one.
#[derive(Clone, Copy)]
struct Use<'a> {
    step: &'a Step,
    at_ms: u64,
    kept: &'a Kept,
    /// How long ago the answer was made that was there.
    since_ms: Option<u64>,
    was_hit: bool,
    /// For how long a new answer is fresh at least.
    fresh_ms: u64,
}

/// Notes what an ended run says of stored answers: which it used, or that it made one ahead.
pub(crate) async fn note(ports: &Ports, run: &Run, steps: &[Step]) {
    let noted = match &run.warms {
        Some(warms) => note_made(ports, run, warms, steps).await,
        None => note_uses(ports, run, steps).await,
    };
    if let Err(error) = noted {
        tracing::debug!(%error, run = %run.key, "the uses of stored answers were not noted");
    }
}

async fn note_uses(ports: &Ports, run: &Run, steps: &[Step]) -> Result<()> {
    let uses = uses(ports, run, steps);
    if uses.is_empty() {
        return Ok(());
    }
    let counters_key = figures::key(&run.key);
    let keys: Vec<Key> = uses.keys().cloned().chain([counters_key.clone()]).collect();
    transact(ports, &keys, |rows| {
        let mut warmed = Warmed::default();
        let mut changes = Vec::new();
        for (key, used) in &uses {
            let Some(row) = next(stored(rows, key), run, *used, &mut warmed) else { continue };
            let due_ms = due_ms(&row);
            changes.push(rows.put(key.clone(), Row::Warming(row), due_ms));
        }
        changes.extend(count(rows, &counters_key, warmed));
        Ok(if changes.is_empty() { Decision::Leave(()) } else { Decision::Write(changes, ()) })
    })
    .await
}

/// What a run used, by the answer's row: of several uses the first, and of several answers in one row the dearest.
fn uses<'a>(ports: &Ports, run: &Run, steps: &'a [Step]) -> BTreeMap<Key, Use<'a>> {
    let mut uses: BTreeMap<Key, Use<'a>> = BTreeMap::new();
    for step in steps {
        let Some(used) = used(ports, step) else { continue };
        let key = key(&run.key.tenant, &used.kept.entry);
        let is_better = |other: &Use<'_>| {
            if other.kept.entry == used.kept.entry {
                used.at_ms < other.at_ms
            } else {
                used.kept.cost > other.kept.cost
            }
        };
        if uses.get(&key).map_or(uses.len() < MOST_USES, is_better) {
            uses.insert(key, used);
        }
    }
    uses
}

fn used<'a>(ports: &Ports, step: &'a Step) -> Option<Use<'a>> {
    let meta = &step.result.as_ref()?.meta;
    let note = meta.recall.as_ref()?;
    let spec = ports.catalogue.agent(&step.key.agent)?;
    // What is asked of the world outside is not asked ahead.
    if spec.facts.contains(&Fact::Source) {
        return None;
    }
    Some(Use {
        step,
        at_ms: meta.finished_ms,
        kept: note.kept.as_ref()?,
        since_ms: age_ms(note),
        was_hit: matches!(meta.basis, Basis::Cache { .. }),
        fresh_ms: least_fresh_ms(spec.cache.ttl_seconds),
    })
}

/// How old the answer was that was found.
fn age_ms(note: &RecallNote) -> Option<u64> {
    note.levels.values().find_map(|told| match told {
        Told::Hit { age_ms, .. } | Told::Renewed { age_ms } => Some(*age_ms),
        _ => None,
    })
}

/// For how long a new answer is fresh at least: a tenth of its time is left to chance.
pub(crate) fn least_fresh_ms(ttl_seconds: u64) -> u64 {
    let ttl_ms = ttl_seconds.saturating_mul(1_000);
    ttl_ms - ttl_ms / 10
}

pub(super) fn stored<'a>(rows: &'a Rows, key: &Key) -> Option<&'a Warming> {
    match rows.get(key) {
        Some(Row::Warming(row)) => Some(row),
        _ => None,
    }
}

/// The row after a use; `None` if it stays as it is.
fn next(stored: Option<&Warming>, run: &Run, used: Use<'_>, warmed: &mut Warmed) -> Option<Warming> {
    let Use { at_ms, kept, .. } = used;
    let row = match stored.filter(|row| row.expires_ms > at_ms) {
        Some(row) if row.entry != kept.entry || row.last_use_ms >= at_ms => return None,
        Some(row) => {
            let mut row = row.clone();
            row.gaps_ms.push(at_ms - row.last_use_ms);
            row.gaps_ms.drain(..row.gaps_ms.len().saturating_sub(Warming::MOST_GAPS));
            row.forecast = row.forecast.and_then(|forecast| settled(forecast, used, warmed));
            row
        }
        None => {
            // What the run itself has made, and met again after a worker was lost, is no other use.
            let made_ms = at_ms.saturating_sub(used.since_ms?);
            (made_ms < run.created_ms).then(|| new(used, at_ms - made_ms))?
        }
    };
    // One that stands in for another in the making ends no later than it did.
    let fresh_until_ms = if kept.fresh_ms == 0 { row.fresh_until_ms } else { at_ms + kept.fresh_ms };
    let closes_ms = row.forecast.map_or(0, |forecast| forecast.closes_ms);
    let took_ms = if kept.took_ms == 0 { row.took_ms } else { kept.took_ms };
    Some(Warming {
        step: used.step.key.clone(),
        last_use_ms: at_ms,
        fresh_until_ms,
        fresh_ms: used.fresh_ms,
        cost: kept.cost,
        most: kept.most,
        took_ms,
        expires_ms: closes_ms.max(fresh_until_ms.max(at_ms) + used.fresh_ms) + KEPT_MS,
        ..row
    })
}

fn new(used: Use<'_>, gap_ms: u64) -> Warming {
    Warming {
        entry: used.kept.entry.clone(),
        step: used.step.key.clone(),
        last_use_ms: used.at_ms,
        fresh_until_ms: used.at_ms,
        fresh_ms: used.fresh_ms,
        gaps_ms: vec![gap_ms],
        cost: used.kept.cost,
        most: used.kept.most,
        took_ms: used.kept.took_ms,
        forecast: None,
        expires_ms: 0,
    }
}

/// What is left of a forecast after a use: nothing, if its time has begun.
fn settled(forecast: Forecast, used: Use<'_>, warmed: &mut Warmed) -> Option<Forecast> {
    if used.at_ms <= forecast.opens_ms {
        return Some(forecast);
    }
    if used.at_ms > forecast.closes_ms {
        unused(forecast, warmed);
        return None;
    }
    warmed.used += 1;
    warmed.off_ms += used.at_ms.abs_diff(forecast.next_ms);
    // One that is only begun has not made what was served.
    if forecast.refresh == Refresh::Done && used.was_hit {
        warmed.refreshed_used += 1;
        warmed.waiting_saved_ms += used.kept.took_ms;
    } else {
        warmed.refreshed_vain += u64::from(forecast.refresh == Refresh::Done);
    }
    None
}

/// Counts a forecast whose time has passed without a use.
pub(super) fn unused(forecast: Forecast, warmed: &mut Warmed) {
    warmed.unused += 1;
    warmed.refreshed_vain += u64::from(forecast.refresh == Refresh::Done);
}

/// When a row is to be looked at: to forecast, or because what was forecast has not happened.
pub(super) fn due_ms(row: &Warming) -> Option<u64> {
    match row.forecast {
        Some(forecast) => Some(forecast.closes_ms),
        None if row.gaps_ms.len() >= LEAST_GAPS => {
            Some(row.fresh_until_ms.saturating_sub(LEAD_MS.min(row.fresh_ms / 10)))
        }
        None => None,
    }
}

/// The answer was made ahead, or it was not.
async fn note_made(ports: &Ports, run: &Run, warms: &Warms, steps: &[Step]) -> Result<()> {
    let result: Option<&StepResult> = steps.iter().find_map(|step| step.result.as_ref());
    let key = key(&run.key.tenant, &warms.entry);
    let fresh_ms =
        ports.catalogue.agent(&warms.step.agent).map(|spec| least_fresh_ms(spec.cache.ttl_seconds));
    transact(ports, std::slice::from_ref(&key), |rows| {
        let row = stored(rows, &key).filter(|row| row.entry == warms.entry);
        let begun = |forecast: &Forecast| forecast.refresh == Refresh::Begun;
        let Some((row, forecast)) = row.and_then(|row| Some((row, row.forecast.filter(begun)?))) else {
            return Ok(Decision::Leave(()));
        };
        let made_ms = result.filter(|result| is_made(Some(*result))).map(|result| result.meta.finished_ms);
        let (forecast, fresh_until_ms) = match made_ms.zip(fresh_ms) {
            Some((made_ms, fresh_ms)) => {
                let closes_ms = made_ms + fresh_ms;
                (Forecast { closes_ms, refresh: Refresh::Done, ..forecast }, closes_ms)
            }
            None => (Forecast { refresh: Refresh::None, ..forecast }, row.fresh_until_ms),
        };
        let expires_ms = row.expires_ms.max(forecast.closes_ms + KEPT_MS);
        let row = Warming { forecast: Some(forecast), fresh_until_ms, expires_ms, ..row.clone() };
        let due_ms = due_ms(&row);
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::Warming(row), due_ms)], ()))
    })
    .await
}

/// The change that adds to a tenant's figures, if there is something to add.
pub(super) fn count(rows: &Rows, key: &Key, warmed: Warmed) -> Option<Change> {
    if warmed.is_nothing() {
        return None;
    }
    let mut counters: Counters = rows.counters(key).cloned().unwrap_or_default();
    counters.warming += &warmed;
    Some(rows.put(key.clone(), Row::Counters(counters), None))
}
