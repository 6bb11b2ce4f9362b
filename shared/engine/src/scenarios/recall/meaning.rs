//! Answers found by meaning: first they are only compared, then served, and no more once one was wrong. Nothing meets across
//! evidence or tenants, a text that means another thing is refused, and without an embedder nothing is different.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::note;
use crate::agent::{AgentSpec, FanOut};
use crate::error::{Error, ErrorKind, Result};
use crate::memory::{Broken, Fault};
use crate::model::{
    AgentId, Basis, CacheLevel, Compared, ItemId, NanoUsd, RunKey, StepResult, TenantId, Told, Used,
};
use crate::ports::{
    Cache, Change, Clock, Embedder, Entry, Expect, Flight, Generation, Key, Looked, Lookup, Neighbour, Row,
    StepMessage, Store as _,
};
use crate::recall::Near;
use crate::recall::earned::Maker;
use crate::recall::guards::Guard;
use crate::recall::trust::{Earned, State, Trust};
use crate::recall::vectors::WIDTH;
use crate::scenarios::house::{House, Says, request};
use crate::step_input::Analysis;

/// Texts about one matter lie near each other; those about cheese lie elsewhere.
struct Matter(Option<u64>, Arc<dyn Clock>, Arc<AtomicUsize>);

#[async_trait]
impl Embedder for Matter {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        self.2.fetch_add(1, Ordering::SeqCst);
        match self.0 {
            Some(took_ms) => self.1.sleep(took_ms).await,
            None => return Err(Error::new(ErrorKind::Embedding, "told to fail")),
        }
        let vector = |text: &String| {
            let place = usize::from(text.contains("cheese"));
            (0..WIDTH).map(|number| if number % 2 == place { 1.0 } else { 0.01 }).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// Counts the trips to another cache.
struct Trips(Arc<dyn Cache>, AtomicUsize);

#[async_trait]
impl Cache for Trips {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.look_up(tenant, lookup).await
    }
    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.put(tenant, key, entry).await
    }
    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        self.0.lead(tenant, key, flight).await
    }
    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.0.release(tenant, key, holder).await
    }
    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        self.0.purge(tenant, tag).await
    }
    async fn add(&self, tenant: &TenantId, name: &str, neighbour: &Neighbour, keep_ms: u64) -> Result<()> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.add(tenant, name, neighbour, keep_ms).await
    }
}

/// A house whose worker is asked about one item of the planner's at a time, and recalls by meaning.
fn house() -> House {
    let mut house = House::new(Some(Analysis::Complete(json!({}))), Some(Vec::new()));
    house.with_row("planner", |row| {
        row.schema =
            json!({"type": "object", "required": ["items"], "properties": {"items": {"type": "array"}}});
        row.compiled = Default::default();
        row.answer = Vec::new();
        row.tools = Vec::new();
    });
    house.with_row("worker", |row| {
        let (text, place) = (json!({"type": "string"}), json!({"type": ["string", "null"]}));
        *row = AgentSpec {
            needs: vec![AgentId::new("planner")],
            fan_out: Some(FanOut { over: AgentId::new("planner"), field: "items".into(), id: "id".into() }),
            same_answer: vec!["said".into()],
            schema: json!({
                "type": "object",
                "required": ["said", "segment", "id", "claim", "evidence", "passages"],
                "properties": {"said": text, "segment": place, "id": text, "claim": text, "evidence": text,
                    "passages": {"type": "array"}},
            }),
            answer_schema: Default::default(),
            compiled: Default::default(),
            ..row.clone()
        };
        row.prompt.user = "{{item: id, text}} {{baseline}}".into();
        row.cache.semantic_text = Some("claim".into());
        row.cache.passages = Some("passages".into());
    });
    house.ports.settings.daily_budget = NanoUsd::from_usd(1_000);
    embeds(&mut house, Some(7));
    house
}

/// An embedder that takes so long or fails; how often it was asked.
fn embeds(house: &mut House, took_ms: Option<u64>) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    house.ports.embedder = Some(Arc::new(Matter(took_ms, house.ports.clock.clone(), asked.clone())));
    asked
}

/// The name of the worker's prompt and model.
fn maker(house: &House) -> String {
    let worker = house.ports.catalogue.agent(&AgentId::new("worker")).unwrap();
    let model = house.ports.model.as_ref().unwrap().candidates(worker.tier).remove(0);
    Maker::of(worker, &model).name().to_owned()
}

/// One claim, asked about in a run of its own.
#[derive(Clone, Copy)]
struct Claim<'a> {
    text: &'a str,
    id: &'a str,
    evidence: &'a str,
    passage: &'a str,
    tenant: &'a str,
}

const CLAIM: Claim<'static> = Claim {
    text: "The council approved the plan in 2019.",
    id: "c1",
    evidence: "",
    passage: "",
    tenant: "t",
};
const REWORDED: Claim<'static> = Claim { text: "In 2019, the council approved the plan.", id: "c7", ..CLAIM };

fn says(said: &str) -> Says {
    Says::Text(json!({"said": said, "segment": null}))
}

fn accept(house: &House, tenant: &str) -> RunKey {
    let (ports, tenant) = (house.ports.clone(), TenantId::new(tenant));
    house.block_on(async move {
        let mut request = request(&ports, None).await;
        request.source.content = ports.content.put(&tenant, b"content").await.unwrap();
        request.tenant = tenant;
        crate::start_run(&ports, &request).await.unwrap().0
    })
}

/// Asks about a claim, while the model would say this; what came of it, and whether the model was asked.
fn ask(house: &mut House, claim: Claim<'_>, answer: Says) -> (StepResult, bool) {
    let Claim { text, id, evidence, passage, tenant } = claim;
    let clock = house.ports.clock.clone();
    // The house has so many calls a minute.
    house.block_on(async move { clock.sleep(2_000).await });
    let item = json!({"id": id, "text": text, "segment": format!("s{id}"), "score": id.len()});
    house.analyse("whole", Some(Analysis::Complete(json!({"items": [item]}))));
    let rules = json!({"said": "by rule", "segment": null, "id": id, "claim": text, "evidence": evidence,
        "passages": [{"quote": passage}]});
    house.analyse("fixed", Some(Analysis::Evidence(rules)));
    house.model.say_only([says_plan()]);
    house.run = accept(house, tenant);
    house.step("planner", 0).unwrap();
    house.model.say_only([answer]);
    let before = house.model.asked.lock().unwrap().len();
    let message = StepMessage { item: ItemId::new(id), ..house.message("worker", 0) };
    let ports = house.ports.clone();
    house.block_on(async move { crate::run_step(&ports, &message).await }).unwrap();
    let asked = house.model.asked.lock().unwrap().len() - before;
    (house.result("worker").unwrap(), asked > 0)
}

fn says_plan() -> Says {
    Says::Text(json!({}))
}

fn compared(result: &StepResult) -> Option<Compared> {
    note(result).compared
}

/// How the reworded claim is met after the first one was answered: what was done, and who refused.
fn check(first: Claim<'_>, second: Claim<'_>, expected: Option<(Option<Used>, Option<Guard>)>) {
    let mut house = house();
    assert!(ask(&mut house, first, says("yes")).1);
    let (result, asked) = ask(&mut house, second, says("yes"));
    let met =
        compared(&result).map(|compared| (compared.used, compared.refused.map(|refusal| refusal.guard)));
    assert_eq!(met, expected, "{}", second.text);
    assert!(asked && result.meta.basis == Basis::Model, "nothing is served in the beginning");
}

fn trust(house: &House) -> Option<Trust> {
    let store = house.store.clone();
    let row = house.block_on(async move { store.read(&[Key::Trust(AgentId::new("worker"))]).await });
    match row.unwrap().pop().flatten()?.row {
        Row::Trust(mut earned) => Some(earned.of(&maker(house)).clone()),
        other => panic!("{other:?}"),
    }
}

/// So many right labels were seen already.
fn earn(house: &House, shadow: u64) {
    let store = house.store.clone();
    let mut earned = Earned::default();
    earned.of(&maker(house)).shadow = shadow;
    let row = Row::Trust(earned);
    let key = Key::Trust(AgentId::new("worker"));
    let change = Change { key, expect: Expect::Anything, to: crate::ports::Becomes::Row(row), due_ms: None };
    house.block_on(async move { store.write(&[change]).await }).unwrap();
}

#[test]
fn in_the_shadow_answers_are_compared_and_not_served() {
    check(CLAIM, REWORDED, Some((Some(Used::Shadow), None)));
    let mut house = house();
    ask(&mut house, CLAIM, says("yes"));
    assert_eq!(trust(&house), None, "nothing was near");
    let (result, _) = ask(&mut house, REWORDED, says("yes"));
    assert_eq!(compared(&result).unwrap().agrees, Some(true));
    let (result, _) = ask(&mut house, Claim { id: "c8", ..REWORDED }, says("no"));
    assert_eq!(
        (compared(&result).unwrap().agrees, result.ok().unwrap()["said"].as_str()),
        (Some(false), Some("no"))
    );
    let trust = trust(&house).unwrap();
    assert_eq!((trust.shadow, trust.shadow_wrong), (2, 1));
}

#[test]
fn what_means_another_thing_is_refused_and_noted() {
    let told = |text| Claim { text, ..REWORDED };
    let refused = |guard| Some((None, Some(guard)));
    check(CLAIM, told("The council did not approve the plan in 2019."), refused(Guard::Negation));
    check(CLAIM, told("The council approved the plan in 2018."), refused(Guard::Number));
    check(CLAIM, told("He approved it in 2019."), refused(Guard::Pointing));
    check(CLAIM, told("The council approved the cheese in 2019."), None);
}

#[test]
fn surroundings_that_have_nothing_to_do_with_it_may_differ() {
    let beside = |passage| Claim { passage, ..REWORDED };
    let meets = Some((Some(Used::Shadow), None));
    check(CLAIM, beside("We walked along the river with Anna."), meets);
    check(Claim { passage: "Good morning to you all.", ..CLAIM }, beside("Rain fell at noon."), meets);
    check(CLAIM, beside(CLAIM.text), meets);
    for bears in [
        "The plan was approved in 2018.",
        "No, that is wrong.",
        "Das hat er gesagt.",
        "Sorry, I made that up.",
    ] {
        check(CLAIM, beside(bears), None);
        check(Claim { passage: bears, ..CLAIM }, REWORDED, None);
        check(Claim { passage: bears, ..CLAIM }, beside(bears), meets);
    }
}

#[test]
fn nothing_meets_across_evidence_or_tenants() {
    check(CLAIM, Claim { evidence: "A friend agrees.", ..REWORDED }, None);
    let evidence = Claim { evidence: "A friend agrees.", ..CLAIM };
    check(evidence, REWORDED, None);
    check(evidence, Claim { evidence: "A friend agrees.", ..REWORDED }, Some((Some(Used::Shadow), None)));
    check(CLAIM, Claim { tenant: "other", ..REWORDED }, None);
    let mut house = house();
    ask(&mut house, CLAIM, says("yes"));
    house.with_row("worker", |row| row.prompt_version = "2".into());
    assert_eq!(compared(&ask(&mut house, REWORDED, says("yes")).0), None, "another prompt");
}

#[test]
fn what_has_earned_it_is_served_and_audited() {
    let mut house = house();
    earn(&house, 478);
    ask(&mut house, CLAIM, says("yes"));
    let (result, _) = ask(&mut house, REWORDED, says("yes"));
    assert_eq!(compared(&result).unwrap().used, Some(Used::Shadow), "one label is missing yet");
    let (mut served, mut audited) = (0, 0);
    for number in 0..60 {
        let id = format!("d{number}");
        let (result, asked) = ask(&mut house, Claim { id: &id, ..REWORDED }, says("yes"));
        match compared(&result).unwrap().used {
            Some(Used::Served) => {
                served += 1;
                assert!(!asked && result.meta.saved > Default::default());
                let Basis::Cache { level: CacheLevel::L3, similarity } = result.meta.basis else {
                    panic!("{:?}", result.meta.basis)
                };
                assert!(similarity > 0.99, "{similarity}");
                assert!(matches!(note(&result).levels[&CacheLevel::L3], Told::Hit { stale: false, .. }));
                assert_eq!(result.ok().unwrap()["id"], id.as_str(), "all else is this step's own");
            }
            Some(Used::Audited) => {
                audited += 1;
                assert!(asked && result.meta.basis == Basis::Model && result.meta.cost > Default::default());
                assert_eq!(compared(&result).unwrap().agrees, Some(true));
            }
            other => panic!("{other:?}"),
        }
    }
    let counts = trust(&house).unwrap().served[0];
    assert_eq!((counts.served, counts.audited, counts.right, counts.wrong), (60, audited, audited, 0));
    assert!(served > 0 && audited > served, "{served} were served, {audited} audited");
    // The audit whose model fails is served, and counts as wrong; then nothing is served any more.
    for number in 0.. {
        let id = format!("e{number}");
        let fails = Says::Fails(ErrorKind::ModelRejected, crate::ports::Bill::Nothing, None);
        let (result, _) = ask(&mut house, Claim { id: &id, ..REWORDED }, fails);
        assert_eq!(result.meta.basis.name(), "cache");
        if compared(&result).unwrap().used == Some(Used::Audited) {
            break;
        }
    }
    let (result, asked) = ask(&mut house, Claim { id: "f1", ..REWORDED }, says("yes"));
    assert_eq!((compared(&result).unwrap().used, asked), (Some(Used::Shadow), true));
}

#[test]
fn a_wrong_answer_sends_it_back() {
    let mut house = house();
    earn(&house, 500);
    ask(&mut house, CLAIM, says("yes"));
    let used: Vec<_> = (0..40)
        .map(|number| {
            let id = format!("d{number}");
            let (result, _) = ask(&mut house, Claim { id: &id, ..REWORDED }, says("no"));
            let compared = compared(&result).unwrap();
            let said = result.ok().unwrap()["said"].as_str().unwrap().to_owned();
            assert_eq!(said, if compared.used == Some(Used::Served) { "yes" } else { "no" });
            compared.used.unwrap()
        })
        .take_while(|used| *used != Used::Shadow)
        .collect();
    assert_eq!(used.last(), Some(&Used::Audited), "{used:?}");
    assert_eq!(trust(&house).unwrap().served[0].wrong, 1);
}

#[test]
fn an_answer_that_points_at_its_own_content_is_not_shared() {
    for answer in [json!({"said": "yes", "segment": "sc1"}), json!({"said": "c1 holds", "segment": null})] {
        let mut house = house();
        ask(&mut house, CLAIM, Says::Text(answer));
        let (result, asked) = ask(&mut house, REWORDED, says("yes"));
        assert!(asked && compared(&result).is_none());
        assert_eq!(note(&result).levels[&CacheLevel::L3], Told::Nothing);
    }
}

#[test]
fn what_is_purged_or_past_its_time_is_not_met() {
    let mut house = house();
    ask(&mut house, CLAIM, says("yes"));
    let cache = house.ports.cache.clone();
    house.block_on(async move { cache.purge(&TenantId::new("t"), "agent:worker").await }).unwrap();
    let (result, _) = ask(&mut house, REWORDED, says("yes"));
    assert_eq!(note(&result).levels[&CacheLevel::L3], Told::Void { tag: "agent:worker".into() });
    let clock = house.ports.clock.clone();
    house.block_on(async move { clock.sleep(3_600_000).await });
    let (result, _) = ask(&mut house, Claim { id: "c9", ..CLAIM }, says("yes"));
    assert_eq!(note(&result).levels[&CacheLevel::L3], Told::Nothing);
    assert_eq!(trust(&house), None);
}

/// What the same two questions take in trips, and what is noted of the second.
fn trips(change: impl FnOnce(&mut House)) -> (usize, Option<Told>, Option<Compared>) {
    let mut house = house();
    let trips = Arc::new(Trips(house.ports.cache.clone(), AtomicUsize::new(0)));
    house.ports.cache = trips.clone();
    change(&mut house);
    ask(&mut house, CLAIM, says("yes"));
    let (result, asked) = ask(&mut house, REWORDED, says("yes"));
    assert!(asked);
    let told = note(&result).levels.get(&CacheLevel::L3).cloned();
    (trips.1.load(Ordering::SeqCst), told, compared(&result))
}

#[test]
fn without_an_embedder_nothing_is_different() {
    let without = trips(|house| house.ports.embedder = None);
    let exact = trips(|house| house.with_row("worker", |row| row.cache.semantic_text = None));
    assert_eq!((without.clone(), &without.1, &without.2), (exact, &None, &None));
    // With one, two answers become neighbours, and a third trip fetches the first.
    assert_eq!(trips(|_| ()).0, without.0 + 3);
}

#[test]
fn an_embedder_that_fails_or_is_slow_costs_the_saving_only() {
    for took_ms in [None, Some(60_000)] {
        let (_, told, compared) = trips(|house| {
            embeds(house, took_ms);
        });
        assert_eq!((told, compared), (None, None), "{took_ms:?}");
    }
}

#[test]
fn nothing_is_used_while_nobody_knows_what_was_earned() {
    let mut house = house();
    ask(&mut house, CLAIM, says("yes"));
    let store = house.store.clone();
    // Whatever stands there is not what is expected.
    let key = Key::Trust(AgentId::new("worker"));
    let row = Row::Expiring { value: Value::Null, expires_ms: u64::MAX };
    let change = Change { key, expect: Expect::Anything, to: crate::ports::Becomes::Row(row), due_ms: None };
    house.block_on(async move { store.write(&[change]).await }).unwrap();
    let (result, asked) = ask(&mut house, REWORDED, says("yes"));
    assert!(asked && result.meta.basis == Basis::Model);
    assert_eq!(compared(&result).unwrap().used, None);
}

#[test]
fn a_served_answer_asked_again_embeds_nothing_and_is_counted_again() {
    let mut house = house();
    earn(&house, 40_000);
    ask(&mut house, CLAIM, says("yes"));
    let embedded = embeds(&mut house, Some(7));
    let (mut kept, mut candidates) = (0, 40_000);
    for number in 0..8 {
        let id = format!("d{number}");
        for asked_before in 0..3 {
            let before = embedded.load(Ordering::SeqCst);
            let (result, asked) = ask(&mut house, Claim { id: &id, ..REWORDED }, says("yes"));
            candidates += 1;
            assert_eq!(trust(&house).unwrap().candidates(), candidates, "each one is a candidate");
            let (compared, embeds) = (compared(&result).unwrap(), embedded.load(Ordering::SeqCst) - before);
            assert_eq!((compared.is_kept, embeds), (asked_before > 0, usize::from(asked_before == 0)));
            if compared.used == Some(Used::Audited) {
                // The model's own answer stands there from now on, and is an exact one.
                let (result, _) = ask(&mut house, Claim { id: &id, ..REWORDED }, says("no"));
                assert!(matches!(result.meta.basis, Basis::Cache { level: CacheLevel::L1, .. }));
                break;
            }
            assert!(!asked && matches!(result.meta.basis, Basis::Cache { level: CacheLevel::L3, .. }));
            assert!(note(&result).saved_tokens > 0 && compared.standing.unwrap().candidates >= 40_000);
            kept += usize::from(compared.is_kept);
        }
    }
    assert!(kept > 8, "{kept}");
}

#[test]
fn a_copy_ends_with_what_it_was_copied_from() {
    let served = |house: &mut House| {
        let (result, _) = ask(house, REWORDED, says("yes"));
        compared(&result).filter(|compared| compared.used.is_some()).map(|compared| compared.is_kept)
    };
    // Purged by a tag of the first answer, which the copy's own request never had.
    let mut house = house();
    earn(&house, 40_000);
    ask(&mut house, CLAIM, says("yes"));
    let first_run = house.run.run.clone();
    assert_eq!((served(&mut house), served(&mut house)), (Some(false), Some(true)));
    let (cache, tag) = (house.ports.cache.clone(), format!("run:{first_run}"));
    house.block_on(async move { cache.purge(&TenantId::new("t"), &tag).await }).unwrap();
    assert_eq!(served(&mut house), None);
    // An hour after the first answer was made, not after it was copied.
    let mut house = self::house();
    earn(&house, 40_000);
    ask(&mut house, CLAIM, says("yes"));
    let clock = house.ports.clock.clone();
    house.block_on(async move { clock.sleep(3_000_000).await });
    assert_eq!((served(&mut house), served(&mut house)), (Some(false), Some(true)));
    let clock = house.ports.clock.clone();
    house.block_on(async move { clock.sleep(600_000).await });
    assert_eq!(served(&mut house), None);
}

#[test]
fn an_audit_whose_call_fails_is_made_again_by_its_step() {
    let mut house = house();
    earn(&house, 1_000);
    ask(&mut house, CLAIM, says("yes"));
    for number in 0.. {
        let id = format!("d{number}");
        let claim = Claim { id: &id, ..REWORDED };
        let item = json!({"id": id, "text": claim.text, "segment": "s", "score": 1});
        house.analyse("whole", Some(Analysis::Complete(json!({"items": [item]}))));
        let rules = json!({"said": "by rule", "segment": null, "id": id, "claim": claim.text, "evidence": "", "passages": []});
        house.analyse("fixed", Some(Analysis::Evidence(rules)));
        house.model.say_only([says_plan()]);
        house.run = accept(&house, claim.tenant);
        house.step("planner", 0).unwrap();
        house.model.say_only([
            Says::Fails(ErrorKind::ModelUnavailable, crate::ports::Bill::Nothing, None),
            says("yes"),
        ]);
        let run_step = |house: &House, hop| {
            let message = StepMessage { item: ItemId::new(&id), ..house.message("worker", hop) };
            let ports = house.ports.clone();
            house.block_on(async move { crate::run_step(&ports, &message).await }).unwrap();
        };
        run_step(&house, 0);
        let counts = trust(&house).unwrap();
        if house.result("worker").is_some() {
            // It was served without an audit.
            assert!(number < 60 && counts.owed.is_empty());
            continue;
        }
        let standing = counts.standing(Default::default());
        assert_eq!((counts.owed.len(), standing.state, standing.audits_open), (1, State::Waiting, 1));
        let clock = house.ports.clock.clone();
        house.block_on(async move { clock.sleep(30_000).await });
        run_step(&house, 1);
        let counts = trust(&house).unwrap();
        let standing = counts.standing(Default::default());
        assert_eq!((counts.owed.len(), standing.state, standing.audits_open), (0, State::Serving, 0));
        assert_eq!(compared(&house.result("worker").unwrap()).unwrap().agrees, Some(true));
        return;
    }
}

#[test]
fn without_money_for_an_audit_nothing_is_served_and_nothing_counted() {
    let mut house = house();
    earn(&house, 40_000);
    ask(&mut house, CLAIM, says("yes"));
    house.with_row("worker", |row| row.limits.cost = NanoUsd(1));
    for number in 0..20 {
        let id = format!("d{number}");
        let (result, asked) = ask(&mut house, Claim { id: &id, ..REWORDED }, says("yes"));
        let compared = compared(&result).unwrap();
        assert!(!asked && compared.is_uncovered && compared.used.is_none(), "{compared:?}");
    }
    assert_eq!(trust(&house).unwrap().candidates(), 40_000);
}

#[test]
fn for_a_cache_that_is_away_nothing_is_embedded() {
    let mut house = house();
    let place: Arc<dyn Cache> = house.ports.cache.clone();
    let clock = house.ports.clock.clone();
    let broken = Arc::new(Broken::new(place, clock.clone(), Fault::Down));
    house.ports.cache = Arc::new(Near::new(broken, clock, 10));
    let embedded = embeds(&mut house, Some(7));
    let (result, asked) = ask(&mut house, CLAIM, says("yes"));
    assert!(asked && note(&result).levels[&CacheLevel::L1] == Told::Away);
    assert_eq!(embedded.load(Ordering::SeqCst), 0);
}
