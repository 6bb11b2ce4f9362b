//! Which model is asked: what a tenant allows, what is learned, and that a choice can be made again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::house::{House, Says, told};
use super::{complete, good};
use crate::agent::{ModelSpec, Tier};
use crate::error::ErrorKind;
use crate::model::{
    AgentId, Arm, Budget, Learned, ModelPolicy, NanoUsd, Routing, SoftAction, SoftLimit, Status, StepResult,
    TenantId, TenantSettings, Why,
};
use crate::ports::{Becomes, Change, Expect, Key, Row};
use crate::routing::{Draws, choose};

const DEAR: &str = "dear/dear-model";
const CHEAP: &str = "cheap/cheap-model";

fn model(provider: &str, price_per_million: i64) -> Arc<ModelSpec> {
    let spec = told(&format!("{provider}-model"), Some(price_per_million));
    Arc::new(ModelSpec { provider: provider.to_owned(), ..spec })
}

/// A house with a dear model and a cheap one; which is asked first is learned.
fn house(says: Vec<Says>) -> House {
    let mut house = House::new(complete(), Some(says));
    house.ports.settings.daily_budget = NanoUsd::from_usd(1_000);
    *house.model.models.lock().unwrap() = vec![model("dear", 10_000_000_000), model("cheap", 1_000_000_000)];
    house.model.learns.store(true, Ordering::Relaxed);
    house
}

/// Both models did so many steps, nearly all of them well.
fn taught(house: &House, of_cheap: u32) {
    let mut learned = Learned::default();
    for step in 0..of_cheap.max(300) {
        learned.observe(&AgentId::new("worker"), DEAR, step % 100 > 0, NanoUsd(1_100_000), 900);
        if step < of_cheap {
            learned.observe(&AgentId::new("worker"), CHEAP, step % 100 > 0, NanoUsd(110_000), 800);
        }
    }
    write(house, Key::Learned(TenantId::new("t")), Row::Learned(learned));
}

fn write(house: &House, key: Key, row: Row) {
    let change = Change { key, expect: Expect::Anything, to: Becomes::Row(row), due_ms: None };
    let store = house.ports.store.clone();
    house.block_on(async move { store.write(&[change]).await }).unwrap();
}

/// One step of a run of its own.
fn step(house: &mut House, number: u64) -> StepResult {
    house.run = house.start_other(number);
    house.model.say(good());
    house.step("worker", 0).unwrap();
    house.result("worker").unwrap()
}

fn learned(house: &House) -> Learned {
    let ports = house.ports.clone();
    house.block_on(async move { crate::routing::learned(&ports, &TenantId::new("t")).await.unwrap() })
}

fn finish(house: &House) {
    let (ports, run) = (house.ports.clone(), house.run.clone());
    house.block_on(async move { crate::finish_run(&ports, &run, None).await.unwrap() });
}

fn again(result: &StepResult) -> (usize, Why) {
    let meta = &result.meta;
    let Routing { arms, .. } = meta.routing.as_deref().unwrap();
    let choice = choose(&mut Draws::of(&meta.run, &meta.agent, &meta.item, meta.attempt), arms);
    (choice.picked, choice.why)
}

#[test]
fn a_choice_is_recorded_whole_and_can_be_made_again() {
    let mut house = house(Vec::new());
    taught(&house, 40);
    let (mut explored, mut asked_for) = (0, Vec::new());
    for number in 0..60 {
        let result = step(&mut house, number);
        let text = serde_json::to_string(&result).unwrap();
        let read: StepResult = serde_json::from_str(&text).unwrap();
        assert_eq!(read, result);
        let routing = read.meta.routing.clone().unwrap();
        assert_eq!(again(&read), (routing.picked, routing.why));
        assert_eq!(
            routing.answered.map(|answered| (answered.by, answered.at_once)),
            Some((routing.picked, true))
        );
        explored += u32::from(routing.why == Why::Explored);
        asked_for.push(routing.arms[routing.picked].model.clone());
    }
    assert!((3..=24).contains(&explored), "{explored} of 60");
    let asked: Vec<String> = house
        .model
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|request| crate::routing::name_of(&request.model))
        .collect();
    assert_eq!(asked, asked_for);
}

#[test]
fn a_cheaper_model_that_is_shown_to_hold_the_floor_is_used() {
    let mut house = house(Vec::new());
    taught(&house, 700);
    let cheap = (0..20).filter(|number| step(&mut house, *number).meta.routing.unwrap().picked == 1).count();
    assert!(cheap >= 18, "{cheap} of 20");
}

#[test]
fn when_money_is_short_the_cheapest_model_that_holds_the_floor_is_asked() {
    // How many of a hundred first answers of the cheapest model were of use, and who is asked then.
    let check = |good_of_cheap: Option<u32>, expected: &str| {
        let mut house = house(Vec::new());
        house.model.models.lock().unwrap().insert(1, model("middling", 5_000_000_000));
        let mut learned = Learned::default();
        for step in 0..600 {
            let agent = AgentId::new("worker");
            learned.observe(&agent, DEAR, step % 100 > 0, NanoUsd(1_100_000), 900);
            learned.observe(&agent, "middling/middling-model", step % 100 > 0, NanoUsd(550_000), 900);
            if let Some(good) = good_of_cheap {
                learned.observe(&agent, CHEAP, step % 100 < good, NanoUsd(110_000), 800);
            }
        }
        write(&house, Key::Learned(TenantId::new("t")), Row::Learned(learned));
        let (ports, limit) = (house.ports.clone(), house.ports.settings.daily_budget);
        let soft_limit = Some(SoftLimit { percent: 80, action: SoftAction::Downgrade });
        let settings = TenantSettings { soft_limit, ..TenantSettings::default() };
        house.block_on(async move {
            crate::set_tenant_settings(&ports, &TenantId::new("t"), &settings).await.unwrap();
        });
        let day = crate::calendar::day(house.ports.clock.now_ms());
        let spent = Budget { spent: NanoUsd(limit.0 / 100 * 81), ..Budget::of(Some(limit)) };
        write(&house, Key::Budget(TenantId::new("t"), day), Row::Budget(spent));
        for number in 0..5 {
            assert_eq!(step(&mut house, number).meta.basis.name(), "model");
        }
        let asked = house.model.asked.lock().unwrap();
        assert!(asked.iter().all(|request| request.model.provider == expected), "{good_of_cheap:?}");
    };
    check(Some(99), "cheap");
    check(Some(60), "middling");
    check(None, "cheap");
}

#[test]
fn the_end_of_a_run_teaches_what_its_steps_showed_once() {
    let mut house = house(Vec::new());
    let mut expected = [Arm::default(); 2];
    // Told at once, then only after a repair; the first model is dead the third time, and that says nothing of its quality.
    let says = [vec![good()], vec![Says::Text(json!("no object")), good()], vec![good()]];
    for (number, says) in says.into_iter().enumerate() {
        house.run = house.start_other(number as u64);
        if number == 2 {
            house.model.dead.lock().unwrap().insert("dear".to_owned());
        }
        let is_repaired = says.len() > 1;
        says.into_iter().for_each(|next| house.model.say(next));
        house.step("worker", 0).unwrap();
        let result = house.result("worker").unwrap();
        let answered = result.meta.routing.clone().unwrap().answered.unwrap();
        assert_eq!(answered.at_once, !is_repaired);
        assert!(number < 2 || answered.by == 1, "{answered:?}");
        expected[answered.by].add(answered.at_once, result.meta.cost, 0);
        finish(&house);
        finish(&house);
        let arms = [DEAR, CHEAP]
            .map(|model| learned(&house).arm(&AgentId::new("worker"), model).copied().unwrap_or_default());
        assert_eq!(arms, expected);
    }
}

#[test]
fn a_model_that_its_server_rejects_gives_way_to_another_of_the_same_server_and_is_soon_not_explored() {
    let mut house = house(Vec::new());
    let of_dear =
        |id: &str, price| Arc::new(ModelSpec { provider: "dear".to_owned(), ..told(id, Some(price)) });
    *house.model.models.lock().unwrap() =
        vec![of_dear("dear-model", 10_000_000_000), of_dear("gone-model", 1_000_000_000)];
    house.model.rejected.lock().unwrap().insert("gone-model".to_owned());
    taught(&house, 0);
    let mut explored = Vec::new();
    for number in 0..160 {
        let result = step(&mut house, number);
        assert_eq!((result.status(), result.meta.basis.name()), (Status::Ok, "model"), "{result:?}");
        let routing = result.meta.routing.unwrap();
        assert_eq!(routing.answered.map(|answered| answered.by), Some(0));
        assert_eq!(routing.rejected.as_slice(), if routing.picked == 1 { &[1][..] } else { &[] });
        explored.push(routing.picked == 1);
        finish(&house);
        // So that no rate is met.
        let clock = house.ports.clock.clone();
        house.block_on(async move { clock.sleep(60_000).await });
    }
    let often = explored.iter().filter(|explored| **explored).count();
    let arm = *learned(&house).arm(&AgentId::new("worker"), "dear/gone-model").unwrap();
    assert_eq!((arm.good, arm.bad as usize, arm.cost), (0, often, NanoUsd::ZERO));
    assert!(often < 20 && explored[100..].iter().all(|explored| !explored), "{often}: {explored:?}");
}

#[test]
fn with_one_model_or_a_given_order_nothing_is_read_recorded_or_learned() {
    for learns in [true, false] {
        let house = house(vec![good()]);
        house.model.learns.store(learns, Ordering::Relaxed);
        if learns {
            house.model.models.lock().unwrap().truncate(1);
        }
        house.step("worker", 0).unwrap();
        let result = house.result("worker").unwrap();
        assert_eq!((result.meta.basis.name(), result.meta.routing.is_none()), ("model", true));
        finish(&house);
        assert!(learned(&house).arms.is_empty());
        let mut ports = house.ports.clone();
        ports.store = Arc::new(Unreadable);
        let (spec, model) = (ports.catalogue.agents[1].clone(), house.model.clone());
        let claimed = claimed(&house);
        let route = house.block_on(async move {
            crate::routing::route(&ports, model.as_ref(), &claimed, &spec).await.unwrap()
        });
        assert_eq!((route.models[0].provider.as_str(), route.routing.is_none()), ("dear", true));
    }
}

#[test]
fn a_store_that_cannot_be_read_costs_the_choice_and_not_the_step() {
    let house = house(Vec::new());
    let mut ports = house.ports.clone();
    ports.store = Arc::new(Unreadable);
    let (spec, model, claimed) = (ports.catalogue.agents[1].clone(), house.model.clone(), claimed(&house));
    let route = house.block_on(async move {
        crate::routing::route(&ports, model.as_ref(), &claimed, &spec).await.unwrap()
    });
    assert_eq!((route.models.len(), route.routing), (2, None));
}

#[test]
fn a_tenant_narrows_and_remaps_its_tiers_and_is_told_what_there_is() {
    let check = |policy: ModelPolicy, expected: Result<&[&str], &str>| {
        let mut house = house(Vec::new());
        let (ports, settings) =
            (house.ports.clone(), TenantSettings { models: policy, ..TenantSettings::default() });
        let set = house.block_on(async move {
            crate::set_tenant_settings(&ports, &TenantId::new("t"), &settings).await
        });
        match expected {
            Err(words) => {
                let error = set.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.message().contains(words), "{error}");
            }
            Ok(expected) => {
                set.unwrap();
                house.run = house.start_other(1);
                let run = claimed(&house).run;
                let models =
                    crate::routing::candidates(house.model.as_ref(), Tier::Standard, &run.models).unwrap();
                let names: Vec<String> = models.models.iter().map(|model| model.id.clone()).collect();
                assert_eq!(names, expected);
                assert_eq!(step(&mut house, 2).status(), Status::Ok);
            }
        }
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let policy = |allow: &[&str], deny: &[&str], tiers: &[(&str, &[&str])]| ModelPolicy {
        allow: names(allow),
        deny: names(deny),
        tiers: tiers.iter().map(|(tier, models)| ((*tier).to_owned(), names(models))).collect(),
    };
    check(policy(&[], &[], &[]), Ok(&["dear-model", "cheap-model"]));
    check(policy(&["cheap/cheap-model"], &[], &[]), Ok(&["cheap-model"]));
    check(policy(&[], &["cheap-model"], &[]), Ok(&["dear-model"]));
    check(
        policy(&[], &[], &[("standard", &["cheap-model", "dear-model"])]),
        Ok(&["cheap-model", "dear-model"]),
    );
    check(policy(&[], &[], &[("fast", &["cheap-model"])]), Ok(&["dear-model", "cheap-model"]));
    check(
        policy(&["gpt-9"], &[], &[]),
        Err("there is no model `gpt-9`; configured are dear/dear-model, cheap/cheap-model"),
    );
    check(
        policy(&[], &[], &[("best", &["dear-model"])]),
        Err("there is no tier `best`; tiers are fast, standard"),
    );
    check(policy(&[], &["dear-model", "cheap-model"], &[]), Err("leaves no model of the standard tier"));
}

#[test]
fn where_no_model_is_linked_any_well_formed_name_passes_and_tiers_are_checked() {
    let mut house = house(Vec::new());
    house.ports.model = None;
    let check = |name: &str, tier: &str, expected: Option<&str>| {
        let policy = ModelPolicy {
            deny: vec![name.to_owned()],
            tiers: [(tier.to_owned(), vec![name.to_owned()])].into(),
            ..ModelPolicy::default()
        };
        let found = crate::routing::check_policy(&house.ports, &policy);
        let said = found.err().map(|error| error.message().to_owned());
        assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()));
    };
    check("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "fast", None);
    check("own/llama-3.3-70b", "standard", None);
    check("own/llama-3.3-70b", "best", Some("there is no tier `best`"));
    for name in ["", "two words", "line\nbreak"] {
        check(name, "fast", Some("is no name of a model"));
    }
    check(&"x".repeat(201), "fast", Some("at most 200 bytes"));
}

#[test]
fn a_policy_that_no_longer_fits_what_is_configured_is_told_in_the_result() {
    let mut house = house(Vec::new());
    let (ports, settings) = (
        house.ports.clone(),
        TenantSettings {
            models: ModelPolicy { allow: vec!["cheap-model".to_owned()], ..ModelPolicy::default() },
            ..TenantSettings::default()
        },
    );
    house.block_on(async move {
        crate::set_tenant_settings(&ports, &TenantId::new("t"), &settings).await.unwrap()
    });
    house.run = house.start_other(1);
    house.model.models.lock().unwrap().truncate(1);
    house.step("worker", 0).unwrap();
    let result = house.result("worker").unwrap();
    assert_eq!((result.status(), result.meta.basis.name()), (Status::Ok, "deterministic"));
    assert!(result.warnings[0].contains("configured are dear/dear-model"), "{:?}", result.warnings);
}

fn claimed(house: &House) -> crate::lease::Claimed {
    let (ports, key) = (house.ports.clone(), house.run.clone());
    let run = house.block_on(async move { crate::load_run(&ports, &key).await.unwrap().unwrap() });
    crate::lease::Claimed {
        key: run.key.step(&AgentId::new("worker"), &crate::model::ItemId::none()),
        run,
        epoch: 1,
        attempt: 1,
        refusals: 0,
        hop: 0,
        took_over: false,
        claimed_ms: 0,
        first_claimed_ms: 0,
    }
}

/// A store that answers nothing.
struct Unreadable;

#[async_trait::async_trait]
impl crate::ports::Store for Unreadable {
    async fn read(&self, _: &[Key]) -> crate::error::Result<Vec<Option<crate::ports::Versioned>>> {
        Err(crate::error::Error::new(ErrorKind::Storage, "not readable"))
    }
    async fn write(&self, _: &[Change]) -> crate::error::Result<()> {
        Err(crate::error::Error::new(ErrorKind::Storage, "not writable"))
    }
    async fn list(
        &self,
        _: &crate::ports::Range,
        _: Option<&str>,
        _: usize,
    ) -> crate::error::Result<crate::ports::Page> {
        Err(crate::error::Error::new(ErrorKind::Storage, "not readable"))
    }
}
