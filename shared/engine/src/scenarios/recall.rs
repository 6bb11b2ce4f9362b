//! Stored answers: one asks for all, what is past its freshness stands in, what is purged does not, and a cache that is gone
//! costs the saving only.

mod compressed;
mod meaning;

use std::sync::Arc;

use serde_json::json;

use super::complete;
use super::house::{House, Says};
use crate::memory::virtual_time::Executor;
use crate::memory::{Broken, Fault, MemoryCache};
use crate::model::{Basis, CacheLevel, RecallNote, RunKey, StepResult, Told};
use crate::ports::{Cache, Clock as _, Lookup, StepMessage};
use crate::recall::{Near, Sealed, SealingKey};

fn slowly(took_ms: u64) -> Says {
    Says::Slowly(took_ms, json!({"said": "by model", "segment": null}))
}

fn message(house: &House, run: &RunKey) -> StepMessage {
    StepMessage { run: run.clone(), ..house.message("worker", 0) }
}

/// Runs the step of `run` and says what became of it.
fn ask(house: &mut House, run: &RunKey) -> Option<StepResult> {
    house.run = run.clone();
    house.step("worker", 0).unwrap();
    house.result("worker")
}

fn note(result: &StepResult) -> RecallNote {
    result.meta.recall.clone().unwrap_or_else(|| panic!("it was not looked for: {result:?}"))
}

fn l1(result: &StepResult) -> Told {
    note(result).levels[&CacheLevel::L1].clone()
}

fn asked(house: &House) -> usize {
    house.model.asked.lock().unwrap().len()
}

/// Runs the steps of all at once, each a little later than the one before.
fn all_at_once(house: &House, runs: &[RunKey], apart_ms: u64) {
    let steps: Vec<_> = runs.iter().map(|run| (house.ports.clone(), message(house, run))).collect();
    house.block_on(async move {
        let each = steps.iter().enumerate().map(|(number, (ports, message))| async move {
            ports.clock.sleep(apart_ms * number as u64).await;
            crate::run_step(ports, message).await
        });
        for ended in futures::future::join_all(each).await {
            ended.unwrap();
        }
    });
}

fn result_of(house: &mut House, run: &RunKey) -> Option<StepResult> {
    house.run = run.clone();
    house.result("worker")
}

#[test]
fn of_many_that_ask_the_same_one_asks() {
    let mut house = House::new(complete(), Some(vec![slowly(1_500)]));
    let runs: Vec<RunKey> = (0..20).map(|_| house.start()).collect();
    all_at_once(&house, &runs, 10);
    assert_eq!(asked(&house), 1);
    let results: Vec<_> = runs.iter().map(|run| result_of(&mut house, run).unwrap()).collect();
    assert!(note(&results[0]).led && l1(&results[0]) == Told::Nothing, "{:?}", note(&results[0]));
    for result in &results[1..] {
        assert_eq!(result.meta.basis, Basis::Cache { level: CacheLevel::L1, similarity: 1.0 });
        assert!((1..=2_000).contains(&note(result).waited_ms), "{:?}", note(result));
        assert_eq!(result.ok().unwrap()["said"], "by model");
    }
}

#[test]
fn who_waits_for_a_slow_answer_comes_back_for_it() {
    let mut house = House::new(complete(), Some(vec![slowly(30_000)]));
    let runs = [house.start(), house.start()];
    all_at_once(&house, &runs, 10);
    assert!(result_of(&mut house, &runs[0]).is_some());
    assert!(result_of(&mut house, &runs[1]).is_none(), "it waits no longer than two seconds");
    assert!(house.next_in_ms().is_some_and(|in_ms| in_ms <= 5_000));
    let again = StepMessage { hop: 1, ..message(&house, &runs[1]) };
    let ports = house.ports.clone();
    house.block_on(async move { crate::run_step(&ports, &again).await }).unwrap();
    let result = result_of(&mut house, &runs[1]).unwrap();
    assert_eq!((asked(&house), result.meta.basis.name(), result.meta.attempt), (1, "cache", 1));
}

#[test]
fn a_dead_asker_is_replaced() {
    let mut house = House::new(complete(), Some(vec![slowly(20_000), slowly(10)]));
    let runs = [house.start(), house.start()];
    let (ports, first) = (house.ports.clone(), message(&house, &runs[0]));
    let mut executor = Executor::new(house.time.clone(), 1);
    let worker = executor.spawn(async move { drop(crate::run_step(&ports, &first).await) });
    let began = house.time.now_ms();
    executor.run_until(|_| house.time.now_ms() >= began + 7_000);
    executor.kill(worker);
    assert!(ask(&mut house, &runs[1]).is_none(), "nobody knows yet that it is dead");
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(15_000).await });
    house.step("worker", 1).unwrap();
    let result = house.result("worker").unwrap();
    assert_eq!((asked(&house), result.meta.basis), (2, Basis::Model));
}

#[test]
fn past_its_freshness_an_answer_stands_in_while_one_asks_anew() {
    let mut house = House::new(complete(), Some(vec![slowly(10), slowly(1_500)]));
    let first = house.start();
    ask(&mut house, &first);
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(3_601_000).await });
    let runs = [house.start(), house.start(), house.start()];
    let began = house.time.now_ms();
    all_at_once(&house, &runs, 100);
    assert_eq!(asked(&house), 2);
    let renewing = result_of(&mut house, &runs[0]).unwrap();
    assert!(matches!(l1(&renewing), Told::Renewed { .. }) && renewing.meta.basis == Basis::Model);
    for run in &runs[1..] {
        let served = result_of(&mut house, run).unwrap();
        assert!(matches!(l1(&served), Told::Hit { stale: true, .. }), "{:?}", note(&served));
        assert!(served.meta.finished_ms < began + 400, "it did not wait");
    }
    // Past the time in which it may stand in, nobody is given it.
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(2 * 3_600_000).await });
    house.model.say(slowly(10));
    let late = house.start();
    assert_eq!(l1(&ask(&mut house, &late).unwrap()), Told::Nothing);
}

#[test]
fn what_is_purged_is_asked_anew() {
    for tag in ["agent:worker", "model:told", "prompt:1"] {
        let mut house = House::new(complete(), Some(vec![slowly(10), slowly(10)]));
        let (first, second) = (house.start(), house.start());
        ask(&mut house, &first);
        let (cache, tenant) = (house.ports.cache.clone(), first.tenant.clone());
        house.block_on(async move { cache.purge(&tenant, tag).await }).unwrap();
        let result = ask(&mut house, &second).unwrap();
        assert_eq!((l1(&result), asked(&house)), (Told::Void { tag: tag.to_owned() }, 2));
    }
}

#[test]
fn a_cache_that_fails_costs_the_saving_only() {
    for fault in [Fault::Down, Fault::ReadOnly, Fault::Wrong] {
        let mut house = House::new(complete(), Some(vec![slowly(10), slowly(10)]));
        let clock = house.ports.clock.clone();
        let broken: Arc<dyn Cache> = Arc::new(Broken::new(house.ports.cache.clone(), clock, fault));
        house.ports.cache = broken;
        let runs = [house.start(), house.start()];
        for run in &runs {
            let result = ask(&mut house, run).unwrap();
            assert_eq!(result.meta.basis, Basis::Model, "{fault:?}");
            let expected = match fault {
                Fault::Wrong => Told::Unreadable,
                _ => Told::Away,
            };
            assert_eq!(l1(&result), expected);
        }
    }
}

#[test]
fn a_tool_makes_an_answer_that_is_not_stored() {
    let mut house = House::new(complete(), Some(vec![Says::Tool("search"), slowly(10), slowly(10)]));
    let (first, second) = (house.start(), house.start());
    ask(&mut house, &first);
    assert_eq!(ask(&mut house, &second).unwrap().meta.basis, Basis::Model);
}

#[test]
fn sealed_and_near_answers_serve_as_bare_ones_do() {
    let mut house = House::new(complete(), Some(vec![slowly(10)]));
    let (clock, random) = (house.ports.clock.clone(), house.ports.random.clone());
    let bare = Arc::new(MemoryCache::new(clock.clone(), 100));
    let sealed = Arc::new(Sealed::new(bare.clone(), SealingKey::from_text("secret"), random));
    house.ports.cache = Arc::new(Near::new(sealed, clock, 10));
    let runs = [house.start(), house.start()];
    ask(&mut house, &runs[0]);
    let result = ask(&mut house, &runs[1]).unwrap();
    assert_eq!(result.meta.basis.name(), "cache");
    let request = house.model.asked.lock().unwrap()[0].clone();
    let spec = house.ports.catalogue.agents[1].clone();
    let key = crate::recall::key(&runs[0].tenant, &spec, &request);
    let tenant = runs[0].tenant.clone();
    let looked = house.block_on(async move {
        bare.look_up(&tenant, &Lookup { keys: vec![key], ..Lookup::default() }).await
    });
    let crate::ports::Found::Held(held) = looked.unwrap().found.remove(0) else { panic!("it is stored") };
    assert!(!String::from_utf8_lossy(&held.entry.value).contains("by model"));
}
