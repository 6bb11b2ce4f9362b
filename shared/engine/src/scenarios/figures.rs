//! A tenant's figures, also where a call's end becomes known late.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::json;

use super::house::{House, Says};
use super::{complete, good};
use crate::error::{ErrorKind, Result};
use crate::figures;
use crate::memory::MemoryStore;
use crate::memory::virtual_time::Executor;
use crate::model::{ChargeState, Counters, NanoUsd, Run, RunKey, Usage};
use crate::money::{self, Seen, Settlement};
use crate::ports::{Bill, Change, Clock as _, Key, Page, Ports, Range, Store, Versioned};

fn figures_of(house: &House) -> Counters {
    let ports = house.ports.clone();
    let tenant = house.run.tenant.clone();
    house.block_on(async move { figures::read(&ports, &tenant).await }).unwrap()
}

fn finish(house: &House, ports: &Ports) {
    let (ports, run) = (ports.clone(), house.run.clone());
    house.block_on(async move { crate::finish_run(&ports, &run, None).await }).unwrap();
}

fn stored(house: &House) -> Run {
    let (ports, run) = (house.ports.clone(), house.run.clone());
    house.block_on(async move { crate::load_run(&ports, &run).await }).unwrap().unwrap()
}

/// A step whose worker dies while its call is under way.
fn dies_in_its_call(house: &House) {
    let (ports, message) = (house.ports.clone(), house.message("worker", 0));
    let mut executor = Executor::new(house.time.clone(), 1);
    let worker = executor.spawn(async move { drop(crate::run_step(&ports, &message).await) });
    let began = house.time.now_ms();
    executor.run_until(|_| house.time.now_ms() > began + 10_000);
    executor.kill(worker);
}

fn slow(milliseconds: u64) -> Says {
    Says::Slowly(milliseconds, json!({"said": "late", "segment": "s1"}))
}

#[test]
fn a_run_is_counted_once_with_all_that_belongs_to_it() {
    let house =
        House::new(complete(), Some(vec![Says::Fails(ErrorKind::Timeout, Bill::Unknown, None), good()]));
    house.step("worker", 0).unwrap();
    let after_ms = house.next_in_ms().unwrap();
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(after_ms).await });
    house.step("worker", 1).unwrap();
    (0..3).for_each(|_| finish(&house, &house.ports));
    let (figures, run) = (figures_of(&house), stored(&house));
    let one = |name: &str| [(name.to_owned(), 1)].into();
    assert_eq!((figures.runs.clone(), figures.cost), (one("failed"), run.cost));
    assert_eq!(
        (figures.calls.clone(), figures.call_errors.clone()),
        ([("test".to_owned(), 2)].into(), one("test"))
    );
    assert_eq!(
        (figures.recall_lookups, figures.step_errors.clone()),
        (1, [("Timeout".to_owned(), 2)].into())
    );
    assert_eq!((figures.call_ms["test"].count, figures.level_ms["quick"].count), (2, 1));
    assert_eq!(figures.makespan_ms, run.finished_ms.unwrap() - run.created_ms);
    let text = serde_json::to_string(&figures).unwrap();
    assert_eq!(serde_json::from_str::<Counters>(&text).unwrap(), figures);
}

#[test]
fn a_call_whose_end_is_seen_after_its_run_ended_is_counted_by_what_it_was() {
    let house = House::new(complete(), Some(vec![slow(12_000)]));
    let (ports, message, run) = (house.ports.clone(), house.message("worker", 0), house.run.clone());
    let finisher = ports.clone();
    let at_end = house.block_on(async move {
        let end = async {
            finisher.clock.sleep(10_000).await;
            crate::finish_run(&finisher, &run, None).await.unwrap();
            figures::read(&finisher, &run.tenant).await.unwrap()
        };
        let (step, at_end) = futures::join!(crate::run_step(&ports, &message), end);
        step.unwrap();
        at_end
    });
    let (figures, run, charge) = (figures_of(&house), stored(&house), house.charges().remove(0));
    assert_eq!((charge.state, charge.failed), (ChargeState::Settled, Some(ErrorKind::LeaseLost)));
    assert_eq!((at_end.cost, at_end.usage), (charge.worst_case, Usage::default()));
    assert_eq!(figures.cost, at_end.cost, "a counter does not go down");
    assert_eq!((figures.net_cost(), run.cost), (charge.cost, charge.cost));
    assert!(figures.cost_returned > NanoUsd::ZERO);
    assert_eq!((figures.usage, figures.call_ms["test"].count), (charge.usage, 1));
    assert_eq!((figures.calls["test"], figures.call_errors["test"]), (1, 1));
}

/// Another worker books a call as soon as the calls of a run were listed to end it.
struct Meanwhile {
    rows: Arc<MemoryStore>,
    lists: AtomicU32,
    /// With which ports, and in which run.
    told: OnceLock<(Ports, RunKey)>,
}

/// The first listing books what nobody saw the end of, the second is counted.
const COUNTED: u32 = 1;

#[async_trait]
impl Store for Meanwhile {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.rows.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        self.rows.write(changes).await
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        let page = self.rows.list(range, from, limit).await;
        if matches!(range, Range::Charges(_)) && self.lists.fetch_add(1, Ordering::Relaxed) == COUNTED {
            let (ports, run) = self.told.get().unwrap();
            let run = crate::load_run(ports, run).await?.unwrap();
            let charge = money::charges(ports, &run.key).await?.remove(0);
            let usage = Usage { output_tokens: 7, ..Usage::default() };
            let seen = Seen { took_ms: Some(9), failed: None };
            money::settle_seen(ports, &run, &charge.call, Settlement::Used(usage, charge.worst_case), seen)
                .await?;
        }
        page
    }
}

#[test]
fn a_call_that_is_booked_while_its_run_ends_is_counted() {
    let house = House::new(complete(), Some(vec![slow(20_000)]));
    dies_in_its_call(&house);
    let store =
        Arc::new(Meanwhile { rows: house.store.clone(), lists: AtomicU32::new(0), told: OnceLock::new() });
    assert!(store.told.set((house.ports.clone(), house.run.clone())).is_ok());
    finish(&house, &Ports { store: store.clone(), ..house.ports.clone() });
    let (figures, charge) = (figures_of(&house), house.charges().remove(0));
    assert_eq!(charge.state, ChargeState::Settled);
    assert_eq!((figures.usage.output_tokens, figures.call_ms["test"].sum_ms), (7, 9));
    assert_eq!((figures.cost, figures.cost_returned), (charge.cost, NanoUsd::ZERO));
    assert_eq!(store.lists.load(Ordering::Relaxed), COUNTED + 2, "the calls were listed once more");
}
