//! What a call may cost, who pays, and who is told.

use std::sync::Arc;

use serde_json::json;

use super::house::{House, Says, request, told};
use super::{complete, good};
use crate::agent::ModelSpec;
use crate::calendar;
use crate::error::ErrorKind;
use crate::model::{
    AgentId, Budget, DatedPrice, EventKind, Learned, NanoUsd, PriceList, Purse, SoftAction, SoftLimit,
    Status, TenantId, TenantSettings, Usual,
};
use crate::ports::{Becomes, Bill, Change, Clock as _, Expect, Key, Row};

const DOLLAR_A_MILLION: i64 = 1_000_000_000;

fn tenant() -> TenantId {
    TenantId::new("t")
}

fn house(says: Vec<Says>) -> House {
    House::new(complete(), Some(says))
}

fn write(house: &House, key: Key, row: Row) {
    let change = Change { key, expect: Expect::Anything, to: Becomes::Row(row), due_ms: None };
    let store = house.ports.store.clone();
    house.block_on(async move { store.write(&[change]).await }).unwrap();
}

fn asked_for(house: &House) -> Vec<(String, u64)> {
    let asked = house.model.asked.lock().unwrap();
    asked.iter().map(|request| (request.model.id.clone(), request.max_output_tokens)).collect()
}

fn learn(house: &House, tokens: u64) {
    let mut learned = Learned::default();
    (0..50).for_each(|_| learned.add(&AgentId::new("worker"), "told", tokens));
    write(house, Key::Learned(tenant()), Row::Learned(learned));
}

#[test]
fn a_call_is_sized_by_what_calls_like_it_used() {
    let whole = {
        let house = house(vec![good()]);
        house.step("worker", 0).unwrap();
        let asked = asked_for(&house);
        (asked[0].1, house.charges()[0].worst_case)
    };
    let house = house(vec![good()]);
    learn(&house, 50);
    house.step("worker", 0).unwrap();
    let charge = &house.charges()[0];
    assert_eq!(asked_for(&house), [("told".to_owned(), 56 + 14)]);
    assert_eq!(charge.output_tokens, 70);
    assert!(charge.worst_case < whole.1 && whole.0 > 70);
}

#[test]
fn a_call_that_was_sized_too_small_is_made_again_whole_and_both_are_booked() {
    let house = house(vec![Says::CutOff, good()]);
    learn(&house, 20);
    house.step("worker", 0).unwrap();
    let result = house.result("worker").unwrap();
    assert_eq!((result.status(), result.meta.basis.name()), (Status::Ok, "model"));
    let tokens: Vec<u64> = asked_for(&house).into_iter().map(|(_, tokens)| tokens).collect();
    assert!(tokens.len() == 2 && tokens[0] == 64 && tokens[1] > 64, "{tokens:?}");
    let charges = house.charges();
    assert_eq!(result.meta.cost, charges.iter().map(|charge| charge.cost).sum());
    assert!(charges.iter().all(|charge| charge.cost <= charge.worst_case));
}

#[test]
fn what_calls_used_is_learned_when_the_run_ends() {
    let house = house(vec![good()]);
    house.step("worker", 0).unwrap();
    let (ports, run) = (house.ports.clone(), house.run.clone());
    house.block_on(async move {
        for _ in 0..3 {
            crate::finish_run(&ports, &run, None).await.unwrap();
        }
        let rows = ports.store.read(&[Key::Learned(tenant())]).await.unwrap();
        let Some(Row::Learned(learned)) = rows[0].as_ref().map(|found| &found.row) else {
            panic!("{rows:?}")
        };
        assert_eq!(learned.of(&AgentId::new("worker"), "told").unwrap().calls(), 1);
    });
}

#[test]
fn a_spent_month_takes_no_more_runs_and_no_more_calls() {
    let mut house = house(vec![]);
    house.ports.settings.monthly_budget = Some(NanoUsd(1_000));
    house.step("worker", 0).unwrap();
    let result = house.result("worker").unwrap();
    assert!(result.warnings[0].contains("this month's budget"), "{:?}", result.warnings);
    let month = Key::Budget(tenant(), calendar::month(house.ports.clock.now_ms()));
    write(&house, month, Row::Budget(Budget { spent: NanoUsd(1_000), ..Budget::of(Some(NanoUsd(1_000))) }));
    let ports = house.ports.clone();
    let refused = house
        .block_on(async move { crate::start_run(&ports, &request(&ports, None).await).await.unwrap_err() });
    assert_eq!(refused.kind(), ErrorKind::Budget);
    assert!(refused.message().contains("month"));
}

#[test]
fn a_spent_day_is_over_with_the_day() {
    const DAY_MS: u64 = 86_400_000;
    let mut house = house(vec![good()]);
    let limit = house.ports.settings.daily_budget;
    let now_ms = house.ports.clock.now_ms();
    let spent = Budget { spent: limit, ..Budget::of(Some(limit)) };
    write(&house, Key::Budget(tenant(), calendar::day(now_ms)), Row::Budget(spent));
    let start = |house: &House| {
        let ports = house.ports.clone();
        house.block_on(async move {
            crate::start_run(&ports, &request(&ports, None).await).await.map(|(run, _)| run)
        })
    };
    assert_eq!(start(&house).unwrap_err().kind(), ErrorKind::Budget);
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(DAY_MS - now_ms % DAY_MS).await });
    house.run = start(&house).unwrap();
    house.step("worker", 0).unwrap();
    assert_eq!(house.result("worker").unwrap().meta.basis.name(), "model");
}

#[test]
fn beyond_a_soft_limit_results_say_so_or_the_cheapest_model_is_used() {
    let check = |action: SoftAction, spent: i64, model: &str, warns: bool| {
        let mut house = house(vec![good()]);
        let dear = told("dear", Some(2 * DOLLAR_A_MILLION));
        let cheap = told("cheap", Some(DOLLAR_A_MILLION));
        *house.model.models.lock().unwrap() = vec![Arc::new(dear), Arc::new(cheap)];
        let day = Key::Budget(tenant(), calendar::day(house.ports.clock.now_ms()));
        let limit = house.ports.settings.daily_budget;
        let soft_limit = Some(SoftLimit { percent: 80, action });
        let ports = house.ports.clone();
        house.run = house.block_on(async move {
            let settings = TenantSettings { soft_limit, ..TenantSettings::default() };
            crate::set_tenant_settings(&ports, &tenant(), &settings).await.unwrap();
            crate::start_run(&ports, &request(&ports, None).await).await.unwrap().0
        });
        write(&house, day, Row::Budget(Budget { spent: NanoUsd(spent), ..Budget::of(Some(limit)) }));
        house.step("worker", 0).unwrap();
        let result = house.result("worker").unwrap();
        assert_eq!(result.meta.basis.name(), "model");
        assert_eq!(asked_for(&house)[0].0, model, "{action:?} at {spent}");
        assert_eq!(!result.warnings.is_empty(), warns, "{:?}", result.warnings);
        assert_eq!(house.charges().len(), 1, "what is not called is not booked");
    };
    let (under, over) = (790_000_000, 800_000_000);
    check(SoftAction::Warn, under, "dear", false);
    check(SoftAction::Warn, over, "dear", true);
    check(SoftAction::Downgrade, under, "dear", false);
    check(SoftAction::Downgrade, over, "cheap", true);
}

#[test]
fn a_tenant_is_told_once_at_80_and_at_100_percent() {
    let mut house = house(vec![]);
    let mut told = Vec::new();
    // Each run spends 30 % of the day.
    for _ in 0..4 {
        house.run = house.start();
        let ports = house.ports.clone();
        let (run, limit) = (house.run.clone(), ports.settings.daily_budget);
        let part = NanoUsd(limit.0 * 3 / 10);
        let purse = Purse { drawn: part, spent: part, ..Purse::default() };
        let key = Key::Budget(tenant(), calendar::day(ports.clock.now_ms()));
        let spent = house.block_on({
            let (ports, key) = (ports.clone(), key.clone());
            async move {
                match ports.store.read(&[key]).await.unwrap().pop().flatten().map(|found| found.row) {
                    Some(Row::Budget(budget)) => budget,
                    _ => Budget::of(Some(limit)),
                }
            }
        });
        write(&house, key, Row::Budget(Budget { allotted: spent.allotted + part, ..spent }));
        write(&house, Key::Purse(run.clone()), Row::Purse(purse));
        let events = house.block_on(async move {
            crate::finish_run(&ports, &run, None).await.unwrap();
            crate::finish_run(&ports, &run, None).await.unwrap();
            crate::events_after(&ports, &run, 0).await.unwrap()
        });
        told.push(
            events
                .iter()
                .filter_map(|event| match &event.kind {
                    EventKind::BudgetAlert { percent, .. } => Some(*percent),
                    _ => None,
                })
                .collect::<Vec<u8>>(),
        );
        if told.len() == 3 {
            house.ports.settings.daily_budget = limit + limit;
        }
    }
    assert_eq!(told, [vec![], vec![], vec![80], vec![]], "a raised budget is not at 100 % yet");
}

#[test]
fn money_that_may_come_back_is_waited_for() {
    let slow = || Says::Slowly(5_000, json!({"said": "by model", "segment": "s1"}));
    let worst_case = {
        let house = house(vec![good()]);
        house.step("worker", 0).unwrap();
        house.charges()[0].worst_case
    };
    let mut house = house(vec![slow(), good()]);
    house.ports.settings.run_cap = Some(NanoUsd(worst_case.0 * 3 / 2));
    house.run = house.start();
    let (ports, first, second) =
        (house.ports.clone(), house.message("worker", 0), house.message("planner", 0));
    house.block_on(async move {
        let (first, second) =
            futures::join!(crate::run_step(&ports, &first), crate::run_step(&ports, &second));
        first.unwrap();
        second.unwrap();
    });
    assert!(house.result("worker").is_some() && house.result("planner").is_none(), "it came back later");
    let wait = house.next_in_ms().expect("a message");
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(wait).await });
    house.step("planner", 1).unwrap();
    assert_eq!(house.result("planner").unwrap().meta.basis.name(), "model");
}

#[test]
fn the_newest_price_is_reckoned_with_and_an_old_one_is_none() {
    let check = |own: Option<&str>, later: Option<&str>, expected: Option<i64>| {
        let house = house(vec![good()]);
        let mut model: ModelSpec = told("told", own.map(|_| DOLLAR_A_MILLION));
        model.price_as_of = own.filter(|own| *own != "declared").map(str::to_owned);
        *house.model.models.lock().unwrap() = vec![Arc::new(model)];
        if let Some(as_of) = later {
            let price = told("told", Some(3 * DOLLAR_A_MILLION)).price.unwrap();
            let dated = DatedPrice { price, as_of: as_of.to_owned(), source: "test".to_owned() };
            let list = PriceList { prices: [("test/told".to_owned(), dated)].into() };
            write(&house, Key::Prices, Row::Prices(list));
        }
        house.step("worker", 0).unwrap();
        let cost = house.charges().first().map(|charge| charge.cost.0 / 110_000);
        assert_eq!(cost, expected, "{own:?} {later:?}");
        if expected.is_none() {
            let result = house.result("worker").unwrap();
            assert!(result.warnings[0].contains("UnknownPrice"), "{:?}", result.warnings);
        }
    };
    // The scenario's day is 2026-11-22, and prices hold for 365 days.
    check(Some("2026-11-01"), None, Some(1));
    check(Some("2026-11-01"), Some("2026-11-02"), Some(3));
    check(Some("2026-11-01"), Some("2026-10-01"), Some(1));
    check(Some("2025-11-21"), None, None);
    check(Some("2025-11-21"), Some("2026-11-02"), Some(3));
    check(Some("2025-11-21"), Some("2025-11-21"), None);
    check(Some("declared"), Some("2026-11-02"), Some(1));
    check(None, Some("2026-11-02"), Some(3));
    check(None, None, None);
}

#[test]
fn a_bill_above_its_reservation_is_a_debt_of_the_run() {
    let stated = NanoUsd(9_000_000);
    let house = house(vec![
        Says::AtCost(stated, json!({"said": "by model", "segment": "s1"})),
        Says::Fails(ErrorKind::ModelRejected, Bill::Nothing, None),
    ]);
    house.step("worker", 0).unwrap();
    assert!(house.charges()[0].worst_case < stated);
    let purse = |house: &House| {
        let rows = house.store.all_rows();
        rows.into_iter()
            .find_map(|(_, row)| if let Row::Purse(purse) = row { Some(purse) } else { None })
            .unwrap()
    };
    let before = purse(&house);
    assert_eq!(before.drawn, before.available + before.reserved + before.spent);
    let (ports, run) = (house.ports.clone(), house.run.clone());
    house.block_on(async move { crate::finish_run(&ports, &run, None).await }).unwrap();
    for (key, row) in house.store.all_rows() {
        if let Row::Budget(budget) = row {
            assert_eq!((budget.allotted, budget.spent), (NanoUsd::ZERO, stated), "{key:?}");
        }
    }
}

#[test]
fn what_spends_many_times_the_usual_is_stopped_and_says_so() {
    let usual = |each: i64, count: u32| {
        let mut usual = Usual::default();
        (0..count).for_each(|_| usual.add(1, NanoUsd(each)));
        usual
    };
    let dear = || Says::AtCost(NanoUsd::from_milli_usd(400), json!("no object"));
    let check = |steps: Usual, runs: Usual, expected: Option<&str>| {
        let mut house = house(vec![dear(), good()]);
        house.ports.settings.daily_budget = NanoUsd::from_usd(100);
        house.run = house.start();
        let learned = Learned {
            steps: [("worker".to_owned(), steps)].into(),
            runs: [("quick".to_owned(), runs)].into(),
            ..Learned::default()
        };
        write(&house, Key::Learned(tenant()), Row::Learned(learned));
        house.step("worker", 0).unwrap();
        let result = house.result("worker").unwrap();
        let said = result.warnings.iter().find(|warning| warning.contains("runaway"));
        assert_eq!(said.is_some(), expected.is_some(), "{result:?}");
        let basis = if expected.is_some() { "deterministic" } else { "model" };
        assert_eq!((result.status(), result.meta.basis.name()), (Status::Ok, basis));
        assert_eq!(house.charges().len(), if expected.is_some() { 1 } else { 2 });
        if let (Some(said), Some(expected)) = (said, expected) {
            assert!(said.contains(expected), "{said}");
        }
    };
    let (cent, tenth) = (10_000_000, 100_000_000);
    check(
        usual(cent, 30),
        usual(tenth, 3),
        Some("this step has spent $0.40, and 30 steps of worker before it $0.01"),
    );
    check(usual(cent, 19), usual(tenth, 3), None);
    check(usual(tenth, 30), usual(tenth, 3), None);
    // One step before it was nearly as dear: this is no runaway.
    let mut once = usual(cent, 30);
    once.add(1, NanoUsd(15 * cent));
    check(once, usual(tenth, 3), None);
    check(
        usual(cent, 3),
        usual(cent, 40),
        Some("this run has spent $0.40, and 40 quick runs before it $0.01"),
    );
}

#[test]
fn the_usual_cost_is_learned_of_what_was_paid_when_a_run_ends() {
    let house = house(vec![Says::Text(json!("no object")), good()]);
    house.step("worker", 0).unwrap();
    let (ports, run) = (house.ports.clone(), house.run.clone());
    let learned = house.block_on(async move {
        crate::finish_run(&ports, &run, None).await.unwrap();
        crate::finish_run(&ports, &run, None).await.unwrap();
        crate::routing::learned(&ports, &tenant()).await.unwrap()
    });
    let cost: NanoUsd = house.charges().iter().map(|charge| charge.cost).sum();
    let expected = Usual { count: 1, calls: 2, cost, most: cost };
    assert_eq!(learned.runs, [("quick".to_owned(), expected)].into());
    assert_eq!(learned.steps.get("worker"), Some(&expected));
}
