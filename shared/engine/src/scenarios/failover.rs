//! A provider fails: who is asked instead, how often the dead one is, and what that costs.

use std::sync::Arc;

use super::house::{House, Says, request, told};
use super::{complete, good};
use crate::agent::ModelSpec;
use crate::error::ErrorKind;
use crate::lease::{MAX_ATTEMPTS, MAX_FAILING_CALLS};
use crate::model::{ChargeState, NanoUsd, Status, StepResult};
use crate::ports::{Bill, Clock as _};

const PRICE: Option<i64> = Some(1_000_000_000);

fn model(provider: &str) -> Arc<ModelSpec> {
    Arc::new(ModelSpec { provider: provider.to_owned(), ..told(&format!("{provider}-model"), PRICE) })
}

/// A house whose models are at these providers, and that is asked anew each time.
fn house(providers: &[&str], says: Vec<Says>) -> House {
    let mut house = House::new(complete(), Some(says));
    house.ports.settings.daily_budget = NanoUsd::from_usd(100);
    *house.model.models.lock().unwrap() = providers.iter().map(|provider| model(provider)).collect();
    house
}

fn asked(house: &House) -> Vec<String> {
    house.model.asked.lock().unwrap().iter().map(|request| request.model.provider.clone()).collect()
}

fn wait(house: &House, milliseconds: u64) {
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(milliseconds).await });
}

#[test]
fn every_failure_of_a_provider_falls_over_to_the_next_and_is_booked_for_what_it_is() {
    let check = |kind: ErrorKind, bill: Bill, state: ChargeState| {
        let house = house(&["first", "second"], vec![Says::Fails(kind, bill, None), good()]);
        house.step("worker", 0).unwrap();
        let result = house.result("worker").expect("no wait");
        assert_eq!((result.status(), result.meta.basis.name()), (Status::Ok, "model"), "{kind:?}");
        assert_eq!(asked(&house), ["first", "second"]);
        let mut states: Vec<ChargeState> = house.charges().iter().map(|charge| charge.state).collect();
        states.sort_unstable();
        let mut expected = vec![ChargeState::Settled, state];
        expected.sort_unstable();
        assert_eq!(states, expected, "{kind:?}");
        let paid: NanoUsd = house.charges().iter().map(|charge| charge.cost).sum();
        assert_eq!(result.meta.cost, paid);
    };
    check(ErrorKind::ModelUnavailable, Bill::Nothing, ChargeState::Void);
    check(ErrorKind::Network, Bill::Nothing, ChargeState::Void);
    check(ErrorKind::Timeout, Bill::Unknown, ChargeState::Unsettled);
    check(ErrorKind::Quota, Bill::Nothing, ChargeState::Void);
    check(ErrorKind::Configuration, Bill::Nothing, ChargeState::Void);
    check(ErrorKind::RateLimited, Bill::Nothing, ChargeState::Void);
}

#[test]
fn a_dead_provider_is_asked_twice_in_a_minute_by_all_together() {
    let mut house = house(&["first", "second"], Vec::new());
    house.model.dead.lock().unwrap().insert("first".to_owned());
    // Fifteen requests in a minute; the rows they meet in are all they have in common.
    for number in 0..15 {
        house.run = house.start_other(number);
        house.model.say(good());
        house.step("worker", 0).unwrap();
        assert_eq!(house.result("worker").unwrap().meta.basis.name(), "model");
        wait(&house, 4_000);
    }
    let to_the_dead = asked(&house).iter().filter(|provider| *provider == "first").count();
    assert_eq!(to_the_dead, 2);
    // It comes back, and the next probe finds that.
    house.model.dead.lock().unwrap().clear();
    wait(&house, 60_000);
    for number in 15..17 {
        house.run = house.start_other(number);
        house.model.say(good());
        house.step("worker", 0).unwrap();
        assert_eq!(asked(&house).last().unwrap(), "first");
    }
}

#[test]
fn a_provider_that_answers_nothing_is_asked_twice_by_all_who_ask_meanwhile() {
    // Whether it answered before, and how many of fifteen requests, four seconds apart, ask it then.
    let check = |answered_before: bool, at_once: bool| {
        let mut house = house(&["first", "second"], Vec::new());
        if answered_before {
            house.model.say(good());
            house.run = house.start_other(99);
            house.step("worker", 0).unwrap();
            wait(&house, 4_000);
        }
        house.model.silent.lock().unwrap().insert("first".to_owned());
        let mut steps = Vec::new();
        for number in 0..15 {
            house.run = house.start_other(number);
            house.model.say(good());
            steps.push((house.run.clone(), house.message("worker", 0)));
        }
        let ports = house.ports.clone();
        let runs: Vec<_> = steps.iter().map(|(run, _)| run.clone()).collect();
        house.block_on(async move {
            let each = steps.iter().enumerate().map(|(number, (_, message))| {
                let ports = &ports;
                async move {
                    ports.clock.sleep(if at_once { 0 } else { number as u64 * 4_000 }).await;
                    crate::run_step(ports, message).await.unwrap();
                }
            });
            futures::future::join_all(each).await;
        });
        for run in runs {
            house.run = run;
            assert_eq!(house.result("worker").expect("no wait").meta.basis.name(), "model");
        }
        let asked = asked(&house);
        let to_the_silent = asked.iter().filter(|provider| *provider == "first").count();
        assert_eq!(to_the_silent, 2 + usize::from(answered_before), "{asked:?}");
    };
    check(false, false);
    check(false, true);
    check(true, false);
}

#[test]
fn a_provider_that_is_only_slow_keeps_being_asked() {
    let slow = || Says::Slowly(40_000, serde_json::json!({"said": "by model", "segment": "s1"}));
    let mut house = house(&["first", "second"], Vec::new());
    for number in 0..6 {
        house.run = house.start_other(number);
        house.model.say(slow());
        house.step("worker", 0).unwrap();
        assert_eq!(house.result("worker").unwrap().meta.basis.name(), "model");
    }
    assert_eq!(asked(&house), ["first"; 6]);
    // Twenty at once, with a provider that is known to be slow.
    let steps: Vec<_> = (10..30)
        .map(|number| {
            house.run = house.start_other(number);
            house.model.say(slow());
            house.message("worker", 0)
        })
        .collect();
    let ports = house.ports.clone();
    house.block_on(async move {
        let each = steps.iter().enumerate().map(|(number, message)| {
            let ports = &ports;
            async move {
                ports.clock.sleep(number as u64 * 3_000).await;
                crate::run_step(ports, message).await.unwrap();
            }
        });
        futures::future::join_all(each).await;
    });
    assert_eq!(asked(&house), ["first"; 26]);
}

#[test]
fn a_busy_provider_is_left_alone_where_another_can_be_asked() {
    // What it says to when to come back; how often fifteen requests in a minute ask it.
    let check = |after_ms: Option<u64>, expected: usize| {
        let mut house = house(&["first", "second"], Vec::new());
        house.model.busy.lock().unwrap().insert("first".to_owned(), after_ms);
        for number in 0..15 {
            house.run = house.start_other(number);
            house.model.say(good());
            house.step("worker", 0).unwrap();
            assert_eq!(house.result("worker").unwrap().meta.basis.name(), "model");
            wait(&house, 4_000);
        }
        assert_eq!(
            asked(&house).iter().filter(|provider| *provider == "first").count(),
            expected,
            "{after_ms:?}"
        );
    };
    check(None, 2);
    check(Some(30_000), 2);
    check(Some(2_000), 2);
    check(Some(90_000), 1);
}

/// The result of a step that nobody answers, which is what rules can say, after so many hops at most, each so long after the other.
fn ends_by_rules(house: &House, hops: u32, apart_ms: u64) -> StepResult {
    for hop in 0..hops {
        house.step("worker", hop).unwrap();
        if house.result("worker").is_some() {
            break;
        }
        wait(house, apart_ms);
    }
    let result = house.result("worker").expect("an end");
    assert_eq!((result.status(), result.meta.basis.name()), (Status::Ok, "deterministic"));
    result
}

#[test]
fn a_call_that_is_refused_for_ever_ends_at_its_cap() {
    let check = |providers: &[&str]| {
        let house = house(providers, Vec::new());
        house
            .model
            .busy
            .lock()
            .unwrap()
            .extend(providers.iter().map(|provider| ((*provider).to_owned(), Some(1_000))));
        let result = ends_by_rules(&house, 60, 5_000);
        (asked(&house).len(), result.meta.attempt)
    };
    assert_eq!(check(&["only"]), (MAX_FAILING_CALLS as usize, 1), "refusals are no attempts, and count");
    let (calls, _) = check(&["first", "second"]);
    assert!((1..=MAX_FAILING_CALLS as usize).contains(&calls), "{calls}");
}

#[test]
fn one_step_makes_no_more_failing_calls_than_its_cap_whoever_fails() {
    let house = house(&["first", "second", "third"], Vec::new());
    house.model.dead.lock().unwrap().extend(["first", "second", "third"].map(str::to_owned));
    ends_by_rules(&house, 20, 40_000);
    assert!(asked(&house).len() <= MAX_ATTEMPTS as usize, "{:?}", asked(&house));
}

#[test]
fn where_nobody_else_can_be_asked_a_failure_is_only_a_wait() {
    let fails = || Says::Fails(ErrorKind::ModelUnavailable, Bill::Nothing, None);
    let house = house(&["only"], vec![fails(), good()]);
    house.step("worker", 0).unwrap();
    assert!(house.result("worker").is_none());
    wait(&house, house.next_in_ms().unwrap());
    house.step("worker", 1).unwrap();
    assert_eq!(house.result("worker").unwrap().meta.basis.name(), "model");
}

#[test]
fn a_fallback_that_is_of_no_use_makes_nothing_worse() {
    let fails = || Says::Fails(ErrorKind::ModelUnavailable, Bill::Nothing, None);
    let useless: [(Option<Says>, Option<i64>); 2] =
        [(None, None), (Some(Says::Fails(ErrorKind::ModelRejected, Bill::Nothing, None)), PRICE)];
    for (second, price) in useless {
        let house =
            house(&["first", "second"], std::iter::once(fails()).chain(second).chain([good()]).collect());
        let other = ModelSpec { price: told("x", price).price, ..ModelSpec::clone(&model("second")) };
        house.model.models.lock().unwrap()[1] = Arc::new(other);
        house.step("worker", 0).unwrap();
        assert!(house.result("worker").is_none(), "it waits for the first");
        wait(&house, 31_000);
        house.step("worker", 1).unwrap();
        assert_eq!(house.result("worker").unwrap().meta.basis.name(), "model");
    }
}

#[test]
fn a_run_that_is_short_of_time_says_nothing_of_its_provider() {
    let short = |left_ms: u64| {
        let late = Says::Fails(ErrorKind::Timeout, Bill::Unknown, None);
        let house = house(&["first", "second"], vec![late, good()]);
        wait(&house, crate::model::Depth::Quick.deadline_ms() - left_ms);
        house.step("worker", 0).unwrap();
        let ports = house.ports.clone();
        let providers = ["first".to_owned(), "second".to_owned()];
        let circuits = house.block_on(async move { crate::circuits(&ports, &providers).await.unwrap() });
        (asked(&house).len(), circuits[0].failures)
    };
    assert_eq!(short(500), (0, 0), "no call is made that has no time");
    assert_eq!(short(60_000).1, 0, "half a call's time is no fault of the provider");
    let silent = |left_ms: u64| {
        let house = house(&["first", "second"], vec![good()]);
        house.model.silent.lock().unwrap().insert("first".to_owned());
        wait(&house, crate::model::Depth::Quick.deadline_ms() - left_ms);
        house.step("worker", 0).unwrap();
        let ports = house.ports.clone();
        let circuits =
            house.block_on(async move { crate::circuits(&ports, &["first".to_owned()]).await.unwrap() });
        (asked(&house).len(), circuits[0].failures)
    };
    assert_eq!(silent(100_000), (2, 1), "silence in all the time that an answer has to begin is");
    assert_eq!(short(170_000), (2, 1));
}

#[test]
fn a_probe_that_the_rates_refuse_is_no_probe() {
    let mut house = house(&["first", "second"], Vec::new());
    house.model.dead.lock().unwrap().insert("first".to_owned());
    house.model.say(good());
    house.step("worker", 0).unwrap();
    wait(&house, 31_000);
    house.model.dead.lock().unwrap().clear();
    let rates = crate::limits::Rates::requests_per_minute(1, 100).unwrap();
    let limits = Arc::new(crate::memory::MemoryLimits::with(house.time.clone(), rates));
    house.ports.limits = limits;
    for number in 0..2 {
        house.run = house.start_other(number);
        house.model.say(good());
        house.step("worker", 0).unwrap();
    }
    let ports = house.ports.clone();
    let circuit =
        house.block_on(async move { crate::circuits(&ports, &["first".to_owned()]).await.unwrap()[0] });
    assert_eq!((circuit.failures, circuit.probe_until_ms), (0, 0), "the first probe was answered");
}

#[test]
fn what_earlier_leases_paid_counts_against_the_steps_limit() {
    let refused = || Says::Fails(ErrorKind::RateLimited, Bill::Nothing, Some(1_000));
    let paid = || Says::AtCost(NanoUsd::from_milli_usd(600), serde_json::json!("no object"));
    let mut house = house(&["only"], vec![paid(), refused(), paid(), refused(), paid(), refused()]);
    let ports = house.ports.clone();
    house.run = house.block_on(async move {
        let deep = crate::RunRequest { depth: crate::model::Depth::Deep, ..request(&ports, None).await };
        crate::start_run(&ports, &deep).await.unwrap().0
    });
    for hop in 0..4 {
        house.step("worker", hop).unwrap();
        wait(&house, 60_000);
    }
    let result = house.result("worker").expect("an end");
    assert!(result.warnings.iter().any(|warning| warning.contains("step's limit")), "{:?}", result.warnings);
    let spent: NanoUsd = house.charges().iter().map(|charge| charge.cost).sum();
    assert_eq!((result.meta.cost, spent), (NanoUsd::from_milli_usd(1_200), NanoUsd::from_milli_usd(1_200)));
}
