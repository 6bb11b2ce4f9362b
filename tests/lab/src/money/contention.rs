//! Two callers of one tenant at once: how often the one's transactions cancel the other's.
//!
//! A write is on its way for some milliseconds, so that what is decided on rows that another changed meanwhile is refused, as it is
//! by a table over a network.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use engine::calendar;
use engine::error::{ErrorKind, Result};
use engine::memory::SeededRandom;
use engine::memory::virtual_time::Executor;
use engine::model::{AgentId, Budget, ItemId, Purse, RunKey};
use engine::ports::{
    Becomes, Change, Clock, Expect, Key, Page, Ports, Random as _, Range, Row, Store, Versioned,
};
use futures::future::join_all;
use serde::Serialize;

use super::{AGENT, Bill, CAP, House, call_until_refused, start};

/// What two callers met with.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Contention {
    /// Calls made.
    pub calls: u64,
    /// Writes that were refused because another had changed a row they stood on.
    pub conflicts: u64,
    /// Kinds of rows in those writes.
    pub rows: BTreeSet<&'static str>,
}

/// Two callers, each in a run of its own or both in one; all of the caps is drawn before, or on the way.
pub(super) fn between(runs: usize, is_drawn: bool, seed: u64) -> std::result::Result<Contention, String> {
    const CALLERS: usize = 2;
    let catalogue = Arc::new(boot::load_catalogue().map_err(|error| error.to_string())?);
    let mut house = House::new(catalogue, seed);
    let contended = Arc::new(Contended {
        rows: house.ports.store.clone(),
        clock: house.ports.clock.clone(),
        random: SeededRandom::new(seed ^ 0xC0),
        conflicts: Mutex::default(),
        refused: AtomicU64::new(0),
    });
    house.ports.store = contended.clone();
    let mut executor = Executor::new(house.time.clone(), seed);
    let ports = house.ports.clone();
    let begun = executor.block_on(async move {
        let mut begun: Vec<RunKey> = Vec::new();
        for _ in 0..runs {
            let run = start(ports.clone()).await?;
            if is_drawn {
                draw_all(&ports, &run).await?;
            }
            begun.push(run);
        }
        Ok::<_, engine::error::Error>(begun)
    });
    let begun = begun.ok_or("the runs were not accepted in time")?.map_err(|error| error.to_string())?;
    contended.refused.store(0, Ordering::Relaxed);
    contended.conflicts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let random = Arc::new(SeededRandom::new(seed));
    let bill = Arc::new(Bill::default());
    let (ports, model, own) = (house.ports.clone(), house.model.clone(), bill.clone());
    executor
        .block_on(async move {
            let each = (0..CALLERS).map(|caller| {
                let step = begun[caller % begun.len()]
                    .step(&AgentId::new(AGENT), &ItemId::new(format!("c{caller}")));
                let (ports, model, random, bill) = (&ports, &model, random.clone(), own.clone());
                // A caller ends when no money is left for it.
                async move { drop(call_until_refused(ports, model, &step, &random, &bill).await) }
            });
            join_all(each).await;
        })
        .ok_or("the callers did not end in time")?;
    let rows = contended.conflicts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let conflicts = contended.refused.load(Ordering::Relaxed);
    Ok(Contention { calls: bill.calls.load(Ordering::Relaxed), conflicts, rows })
}

/// The run's whole cap is drawn from its tenant, as after its last slice.
async fn draw_all(ports: &Ports, run: &RunKey) -> Result<()> {
    let now_ms = ports.clock.now_ms();
    let budgets = [calendar::day(now_ms), calendar::month(now_ms)]
        .map(|window| Key::Budget(run.tenant.clone(), window));
    let limits = [Some(ports.settings.daily_budget), ports.settings.monthly_budget];
    let found = ports.store.read(&budgets).await?;
    let purse = Purse { cap: CAP, drawn: CAP, available: CAP, ..Purse::default() };
    let mut changes = vec![put(Key::Purse(run.clone()), Row::Purse(purse))];
    for ((key, limit), found) in budgets.into_iter().zip(limits).zip(found) {
        let budget = match found.map(|found| found.row) {
            Some(Row::Budget(budget)) => budget,
            _ => Budget::of(limit),
        };
        changes.push(put(key, Row::Budget(Budget { allotted: budget.allotted + CAP, ..budget })));
    }
    ports.store.write(&changes).await
}

fn put(key: Key, row: Row) -> Change {
    Change { key, expect: Expect::Anything, to: Becomes::Row(row), due_ms: None }
}

/// What a row of a refused write is.
fn kind(key: &Key) -> &'static str {
    match key {
        Key::Budget(..) => "budget",
        Key::Purse(_) => "purse",
        Key::Charge(_) => "charge",
        Key::Run(_) => "run",
        Key::Step(_) => "step",
        _ => "other",
    }
}

struct Contended {
    rows: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: SeededRandom,
    refused: AtomicU64,
    conflicts: Mutex<BTreeSet<&'static str>>,
}

#[async_trait]
impl Store for Contended {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.clock.sleep(1 + self.random.next_u64() % 5).await;
        self.rows.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        self.clock.sleep(1 + self.random.next_u64() % 5).await;
        let written = self.rows.write(changes).await;
        if matches!(&written, Err(error) if error.kind() == ErrorKind::Conflict) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let mut seen = self.conflicts.lock().unwrap_or_else(PoisonError::into_inner);
            seen.extend(changes.iter().map(|change| kind(&change.key)));
        }
        written
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.rows.list(range, from, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_of_a_tenant_never_cancel_each_others_transactions_once_their_slices_are_drawn() {
        for seed in 0..8 {
            let found = between(2, true, seed).unwrap();
            assert!(found.calls > 100, "{found:?}");
            assert_eq!((found.conflicts, found.rows.len()), (0, 0), "seed {seed}: {found:?}");
        }
        // What meets is seen: two callers in one run meet in its purse, two runs in their tenant's budgets while they draw.
        let (mut in_one_run, mut while_drawing) = (Contention::default(), Contention::default());
        for seed in 0..8 {
            for (sum, found) in [
                (&mut in_one_run, between(1, true, seed).unwrap()),
                (&mut while_drawing, between(2, false, seed).unwrap()),
            ] {
                sum.calls += found.calls;
                sum.conflicts += found.conflicts;
                sum.rows.extend(found.rows);
            }
        }
        assert!(in_one_run.conflicts > 0 && in_one_run.rows.contains("purse"), "{in_one_run:?}");
        assert!(while_drawing.rows.contains("budget"), "{while_drawing:?}");
        assert!(while_drawing.conflicts * 20 < while_drawing.calls, "{while_drawing:?}");
    }
}
