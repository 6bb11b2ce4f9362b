//! Stored answers made ahead of their next use: where that pays they are, nobody else notices, and each forecast is compared
//! with what happened.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::complete;
use super::house::{House, Says};
use crate::figures;
use crate::memory::virtual_time::Executor;
use crate::model::{
    Basis, Budget, ChargeState, NanoUsd, Run, RunKey, RunStatus, Status, StepResult, TenantId,
    TenantSettings, Told, Warmed,
};
use crate::ports::{Becomes, Cache, Change, Clock as _, Embedder, Expect, Key, Message, Ports, Queue, Row};
use crate::recall::vectors::WIDTH;
use crate::recall::warming::WORKSPACE;
use crate::step_input::Analysis;

const MINUTE: u64 = 60_000;
/// What the answers of these stories take to be made.
const TOOK_MS: u64 = 20_000;
/// What an hour is worth: an answer costs 110,000 nano-dollars, so it pays from three to two on.
const HOUR: NanoUsd = NanoUsd(13_200_000);

fn answer() -> Says {
    Says::Slowly(TOOK_MS, json!({"said": "by model", "segment": null}))
}

/// A house whose answers are fresh for 90 minutes, with so many of them told.
fn house(answers: usize, hour: NanoUsd) -> House {
    let mut house = House::new(complete(), Some((0..answers).map(|_| answer()).collect()));
    house.with_row("worker", |row| row.cache.ttl_seconds = 90 * 60);
    house.ports.settings.waiting_hour = hour;
    house
}

/// Waits until so many minutes after the beginning, sweeping each minute and doing what then is to be done.
fn until(house: &House, minute: u64) {
    let (ports, queues) = (house.ports.clone(), house.queues.clone());
    let until_ms = BEGINNING_MS + minute * MINUTE;
    house.block_on(async move {
        while ports.clock.now_ms() + MINUTE <= until_ms {
            ports.clock.sleep(MINUTE).await;
            crate::sweep(&ports).await.unwrap();
            work(&ports, &queues).await;
        }
        ports.clock.sleep(until_ms.saturating_sub(ports.clock.now_ms())).await;
    });
}

const BEGINNING_MS: u64 = 1_795_305_600_000;

/// Handles what is queued for runs that make answers ahead, and drops the rest.
async fn work(ports: &Ports, queues: &crate::memory::MemoryQueues) {
    let mut has_worked = true;
    while has_worked {
        has_worked = false;
        for queue in Queue::ALL {
            while let Some(received) = queues.receive(queue) {
                has_worked = true;
                let run = crate::load_run(ports, received.message.run()).await.unwrap();
                if run.is_some_and(|run| run.warms.is_some()) {
                    crate::handle(ports, &received.message).await.unwrap();
                }
                queues.acknowledge(queue, received.receipt);
            }
        }
    }
}

/// A run of the same content whose step is used, and what became of the step.
fn uses(house: &mut House) -> StepResult {
    house.run = house.start();
    house.step("worker", 0).unwrap();
    let (ports, run) = (house.ports.clone(), house.run.clone());
    house.block_on(async move { crate::finish_run(&ports, &run, None).await }).unwrap();
    house.result("worker").unwrap()
}

fn uses_at(house: &mut House, minutes: &[u64]) -> Vec<&'static str> {
    let each = minutes.iter().map(|minute| {
        until(house, *minute);
        uses(house).meta.basis.name()
    });
    each.collect()
}

fn warmed(house: &House) -> Warmed {
    let ports = house.ports.clone();
    house.block_on(async move { figures::read(&ports, &TenantId::new("t")).await }).unwrap().warming
}

fn runs(house: &House) -> Vec<Run> {
    let rows = house.store.all_rows();
    let runs = rows.into_iter().filter_map(|(_, row)| match row {
        Row::Run(run) if run.warms.is_some() => Some(run),
        _ => None,
    });
    runs.collect()
}

fn asked(house: &House) -> usize {
    house.model.asked.lock().unwrap().len()
}

/// The result of the only step of a run that makes an answer ahead.
fn result_of(house: &mut House, run: &RunKey) -> StepResult {
    house.run = run.clone();
    house.result("worker").unwrap()
}

fn write(house: &House, key: Key, row: Row) {
    let change = Change { key, expect: Expect::Anything, to: Becomes::Row(row), due_ms: None };
    let store = house.ports.store.clone();
    house.block_on(async move { store.write(&[change]).await }).unwrap();
}

#[test]
fn what_is_used_every_hour_is_made_ahead_and_the_next_use_need_not_wait() {
    let mut house = house(20, HOUR);
    let told = uses_at(&mut house, &[0, 60, 120, 180]);
    assert_eq!(told, ["model", "cache", "model", "cache"], "a second use tells no gap to go by yet");
    // By now it is known that there is a use each hour, so the answer of minute 120 is made anew before it ends at 201.
    let told = uses_at(&mut house, &[240, 300, 360, 420, 480]);
    assert_eq!(told, ["cache"; 5]);
    let Warmed { forecasts, used, unused, refreshed, refreshed_used, refreshed_vain, spared, failed, .. } =
        warmed(&house);
    assert_eq!((refreshed_vain, unused, spared, failed), (0, 0, 0, 0));
    assert!(refreshed >= 3 && refreshed_used >= 3 && forecasts >= used, "{:?}", warmed(&house));
    assert_eq!(warmed(&house).waiting_saved_ms, refreshed_used * TOOK_MS);
    assert_eq!(asked(&house) as u64, 2 + refreshed, "each answer ahead is one call");
    for run in runs(&house) {
        assert_eq!((run.status, run.workspace.as_str()), (RunStatus::Complete, WORKSPACE));
        let result = result_of(&mut house, &run.key);
        assert_eq!(
            (result.status(), result.meta.basis, result.meta.cost),
            (Status::Ok, Basis::Model, run.cost)
        );
    }
    let spent: NanoUsd = runs(&house).iter().map(|run| run.cost).sum();
    assert_eq!(warmed(&house).spent, spent);
    let ports = house.ports.clone();
    let counters = house.block_on(async move { figures::read(&ports, &TenantId::new("t")).await }).unwrap();
    assert_eq!(counters.cost, house.charges().iter().map(|charge| charge.cost).sum());
    assert_eq!(counters.recall_lookups, 9, "only what runs look for counts");
    assert_eq!(counters.runs.values().sum::<u64>(), 10, "these, and the one that a house begins with");
}

#[test]
fn what_is_used_irregularly_is_not_and_what_is_not_used_again_is_let_go() {
    let mut house = house(20, HOUR);
    uses_at(&mut house, &[0, 7, 19, 22, 60]);
    until(&house, 400);
    let told = warmed(&house);
    assert_eq!((told.forecasts, told.used, told.unused, told.refreshed), (1, 0, 1, 0), "{told:?}");
    assert_eq!((asked(&house), runs(&house).len()), (1, 0));
    assert!(house.store.all_rows().iter().all(|(key, _)| !matches!(key, Key::Warming(..))));
    // After a series that stops, one is made in vain and no more.
    let mut house = self::house(20, HOUR);
    uses_at(&mut house, &[0, 60, 120, 180]);
    until(&house, 1_000);
    let told = warmed(&house);
    assert_eq!((told.refreshed, told.refreshed_used, told.refreshed_vain), (1, 0, 1), "{told:?}");
    assert_eq!(asked(&house), 3);
}

#[test]
fn without_a_value_of_time_nothing_is_spent_and_forecasts_are_compared_all_the_same() {
    let mut house = house(20, NanoUsd::ZERO);
    uses_at(&mut house, &[0, 60, 120, 180, 240, 300, 360]);
    let told = warmed(&house);
    assert!(told.forecasts >= 2 && told.used >= 1 && told.off_ms <= told.used * MINUTE, "{told:?}");
    assert!(told.expected_permille >= 600 * told.forecasts, "{told:?}");
    assert_eq!((told.refreshed, told.spent, runs(&house).len()), (0, NanoUsd::ZERO, 0));
    // Nor where the answer is dearer than the waiting.
    let mut house = self::house(20, NanoUsd(1_000_000));
    uses_at(&mut house, &[0, 60, 120, 180, 240]);
    assert!(warmed(&house).forecasts >= 1 && runs(&house).is_empty(), "{:?}", warmed(&house));
}

#[test]
fn nothing_is_made_ahead_beyond_the_soft_limit_of_a_budget() {
    for (limit, spent, begins) in [(100, 81, false), (100, 79, true), (0, 0, false)] {
        let mut house = house(20, HOUR);
        uses_at(&mut house, &[0, 60, 120, 180]);
        let limit = NanoUsd::from_usd(limit);
        let own = TenantSettings { daily_budget: Some(limit), ..TenantSettings::default() };
        write(&house, Key::Settings(TenantId::new("t")), Row::Settings(own));
        let day = crate::money::budgets(&TenantId::new("t"), house.time.now_ms())[0].clone();
        let budget = Budget { spent: NanoUsd::from_usd(spent), ..Budget::of(Some(limit)) };
        write(&house, day, Row::Budget(budget));
        until(&house, 239);
        assert_eq!(!runs(&house).is_empty(), begins, "{spent} of {limit}");
        assert_eq!(warmed(&house).forecasts, 1);
    }
}

#[test]
fn what_was_purged_or_is_asked_otherwise_now_is_not_asked() {
    type Change = fn(&mut House);
    let purged: Change = |house| {
        let (cache, tenant) = (house.ports.cache.clone(), TenantId::new("t"));
        house.block_on(async move { cache.purge(&tenant, "agent:worker").await }).unwrap();
    };
    let changes: [(Change, &str); 5] = [
        (purged, "purged"),
        (|house| house.with_row("worker", |row| row.prompt_version = "2".to_owned()), "another one"),
        (|house| house.with_row("worker", |row| row.cache.exact = false), "no answer of this agent"),
        (|house| house.ports.cache = empty(house), "gone"),
        (
            |house| {
                let gone = house.run.clone();
                let change = crate::ports::Change {
                    key: Key::Run(gone),
                    expect: Expect::Anything,
                    to: Becomes::Gone,
                    due_ms: None,
                };
                let store = house.ports.store.clone();
                house.block_on(async move { store.write(&[change]).await }).unwrap();
            },
            "",
        ),
    ];
    for (change, why) in changes {
        let mut house = house(20, HOUR);
        uses_at(&mut house, &[0, 60, 120, 180]);
        change(&mut house);
        until(&house, 239);
        assert_eq!(asked(&house), 2, "{why}");
        let told = warmed(&house);
        assert_eq!((told.refreshed, told.spared, told.spent), (0, 1, NanoUsd::ZERO), "{why}: {told:?}");
        for run in runs(&house) {
            assert_eq!(run.status, RunStatus::Complete, "{why}");
            let reason = result_of(&mut house, &run.key).reason().unwrap_or_default();
            assert!(reason.contains(why), "{reason} instead of {why}");
        }
        assert_eq!(runs(&house).is_empty(), why.is_empty());
    }
}

fn empty(house: &House) -> Arc<dyn Cache> {
    Arc::new(crate::memory::MemoryCache::new(house.ports.clock.clone(), 10))
}

#[test]
fn runs_that_ask_everything_anew_and_a_cache_that_is_off_leave_nothing_to_make() {
    let mut house = house(20, HOUR);
    house.with_row("worker", |row| row.cache.exact = false);
    uses_at(&mut house, &[0, 60, 120, 180, 240]);
    assert_eq!((warmed(&house), asked(&house)), (Warmed::default(), 5));
    let mut house = self::house(20, HOUR);
    for hour in 0..5 {
        until(&house, 60 * hour);
        house.run = house.start_other(hour);
        house.step("worker", 0).unwrap();
        let (ports, run) = (house.ports.clone(), house.run.clone());
        house.block_on(async move { crate::finish_run(&ports, &run, None).await }).unwrap();
    }
    assert_eq!((warmed(&house), asked(&house)), (Warmed::default(), 5));
}

/// A house with an answer that is about to be made ahead: it is looked at in the next minutes.
fn about_to_make(answers: Vec<Says>) -> House {
    let mut house = house(0, HOUR);
    house.model.say_only([answer(), answer()].into_iter().chain(answers));
    uses_at(&mut house, &[0, 60, 120, 180]);
    house
}

#[test]
fn two_sweeps_at_once_make_it_once() {
    let house = about_to_make(vec![answer()]);
    until(&house, 195);
    while runs(&house).is_empty() {
        let ports = house.ports.clone();
        house.block_on(async move {
            ports.clock.sleep(MINUTE).await;
            let sweeps = futures::future::join_all((0..4).map(|_| crate::sweep(&ports))).await;
            assert!(sweeps.iter().all(Result::is_ok));
        });
    }
    assert_eq!((runs(&house).len(), warmed(&house).forecasts), (1, 1));
    // Its messages may come twice.
    let run = runs(&house)[0].key.clone();
    let (ports, queues) = (house.ports.clone(), house.queues.clone());
    house.block_on(async move {
        crate::begin_run(&ports, &run).await.unwrap();
        crate::handle(&ports, &Message::Start(run)).await.unwrap();
        work(&ports, &queues).await;
    });
    assert_eq!((asked(&house), warmed(&house).refreshed), (3, 1));
}

#[test]
fn a_worker_that_dies_loses_nothing_and_its_run_is_ended() {
    let mut house = about_to_make(vec![answer()]);
    until(&house, 195);
    let (ports, queues) = (house.ports.clone(), house.queues.clone());
    let mut executor = Executor::new(house.time.clone(), 1);
    let worker = executor.spawn(async move {
        loop {
            ports.clock.sleep(MINUTE).await;
            crate::sweep(&ports).await.unwrap();
            work(&ports, &queues).await;
        }
    });
    executor.run_until(|_| asked(&house) == 3);
    executor.kill(worker);
    drop(executor);
    // Nobody takes the message again.
    let (ports, run) = (house.ports.clone(), runs(&house)[0].clone());
    assert_eq!(run.status, RunStatus::Running);
    house.block_on(async move {
        while ports.clock.now_ms() < run.deadline_ms + MINUTE {
            ports.clock.sleep(MINUTE).await;
            crate::sweep(&ports).await.unwrap();
        }
    });
    let run = runs(&house)[0].clone();
    assert_eq!((run.status, run.failure.is_some()), (RunStatus::Failed, true));
    let lost: Vec<_> =
        house.charges().into_iter().filter(|charge| charge.state == ChargeState::Unsettled).collect();
    assert_eq!((lost.len(), lost[0].cost, warmed(&house).failed), (1, run.cost, 1));
    let day = crate::money::budgets(&run.key.tenant, run.created_ms)[0].clone();
    let rows = house.store.all_rows();
    let budget = rows.iter().find_map(|(key, row)| match row {
        Row::Budget(budget) if *key == day => Some(budget),
        _ => None,
    });
    assert_eq!(budget.unwrap().allotted, NanoUsd::ZERO, "what was drawn went back");
    // The next one to ask does so himself, and it goes on from there.
    house.model.say(answer());
    assert_eq!(uses_at(&mut house, &[240]), ["model"]);
    assert_eq!((warmed(&house).refreshed, warmed(&house).used), (0, 1));
}

#[test]
fn it_stands_beside_others_as_if_it_were_not_there() {
    let mut house = about_to_make(vec![answer(), answer()]);
    until(&house, 239);
    let ahead = runs(&house)[0].clone();
    // A request like the run's own is not taken for it, nothing of it is reported, and nothing is left to post.
    let (ports, wanted) = (house.ports.clone(), ahead.clone());
    let (unfinished, is_over) = house.block_on(async move {
        let request = super::request(&ports, None).await;
        let unfinished = crate::unfinished_run(&ports, &request).await.unwrap();
        (unfinished, crate::is_over(&ports, &wanted).await.unwrap())
    });
    assert!(is_over && unfinished.is_none_or(|run| run != ahead.key));
    assert!(house.reports.0.lock().unwrap().iter().all(|report| !report.starts_with(WORKSPACE)));
    let served = uses(&mut house);
    let told = served.meta.recall.unwrap().levels.into_values().next();
    assert!(matches!(told, Some(Told::Hit { age_ms, stale: false }) if age_ms < 60 * MINUTE), "{told:?}");
    // It is void with what it was made of.
    let tag = format!("run:{}", ahead.warms.unwrap().step.run.run);
    let (cache, tenant) = (house.ports.cache.clone(), ahead.key.tenant.clone());
    let purged = tag.clone();
    house.block_on(async move { cache.purge(&tenant, &purged).await }).unwrap();
    let made = uses(&mut house);
    let told = made.meta.recall.unwrap().levels.into_values().next();
    assert_eq!((made.meta.basis, told), (Basis::Model, Some(Told::Void { tag })));
}

/// Every text means the same.
struct Alike;

#[async_trait]
impl Embedder for Alike {
    async fn embed(&self, texts: &[String]) -> crate::error::Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|_| vec![1.0; WIDTH]).collect())
    }
}

#[test]
fn what_is_made_ahead_is_found_by_meaning_as_before() {
    let mut house = house(20, HOUR);
    house.ports.embedder = Some(Arc::new(Alike));
    house.with_row("worker", |row| {
        row.cache.semantic_text = Some("said".to_owned());
        row.same_answer = vec!["said".to_owned()];
    });
    uses_at(&mut house, &[0, 60, 120, 180]);
    // The answer of minute 120 has ended by now, and its place among the texts that are compared with it.
    until(&house, 212);
    assert_eq!(warmed(&house).refreshed, 1);
    house.ports.namespaces = Arc::default();
    let otherwise = json!({"said": "by the rule", "segment": "s1", "counted": 3});
    house.analyse("fixed", Some(Analysis::Complete(otherwise)));
    let note = uses(&mut house).meta.recall.unwrap();
    assert!(note.compared.is_some_and(|compared| compared.is_near), "nothing was near");
}
