//! The stories, told on virtual time: `check(what the world does, how the step ends)`.

mod access;
mod failover;
mod figures;
pub(crate) mod house;
mod money;
mod recall;
mod routing;
mod sources;
mod traces;
mod warming;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use serde_json::json;

use crate::claim_check;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::{self, LEASE_MS, MAX_ATTEMPTS};
use crate::ledger_view;
use crate::memory::virtual_time::Executor;
use crate::memory::{Broken, Fault};
use crate::model::{
    Basis, Budget, ChargeState, ContentRef, Depth, NanoUsd, Reason, ReasonCode, RunStatus, Status, TenantId,
    Token, Usage,
};
use crate::ports::{
    Becomes, Bill, Change, Clock as _, ContentStore, Expect, Key, ModelMessage, Row, StepMessage,
};
use crate::step_input::Analysis;
use crate::{RunRequest, run_step, start_run};
use house::{House, Says, baseline, request};

fn complete() -> Option<Analysis> {
    Some(Analysis::Complete(baseline()))
}

fn evidence() -> Option<Analysis> {
    Some(Analysis::Evidence(baseline()))
}

fn good() -> Says {
    Says::Text(json!({"said": "by model", "segment": "s1"}))
}

/// One step of the second agent: how it ends, by whose word, what it says, what was paid.
fn check(
    analysis: Option<Analysis>,
    says: Option<Vec<Says>>,
    expected: (Status, &str, &str),
    charges: &[ChargeState],
) {
    let house = House::new(analysis, says);
    house.step("worker", 0).unwrap();
    let result = house.result("worker").expect("a result");
    let data = result.data();
    let said = data.and_then(|data| data["said"].as_str()).unwrap_or("-");
    let reason = result.reason().unwrap_or_default();
    assert_eq!((result.status(), result.meta.basis.name(), said), expected, "{reason}");
    if let Some(data) = data {
        assert_eq!(data["counted"], 3, "what was computed stays computed");
    }
    let states: Vec<ChargeState> = house.charges().iter().map(|charge| charge.state).collect();
    assert_eq!(states, charges);
    let paid: NanoUsd = house.charges().iter().map(|charge| charge.cost).sum();
    assert_eq!(result.meta.cost, paid, "the step's cost is its ledger rows");
}

#[test]
fn without_a_model_rules_speak_for_themselves() {
    use Status::{Failed, Ok, Skipped, Uncertain};
    check(complete(), None, (Ok, "deterministic", "by rule"), &[]);
    let partial = Analysis::Partial { data: baseline(), lacking: "prose".into() };
    check(Some(partial), None, (Ok, "deterministic", "by rule"), &[]);
    check(evidence(), None, (Uncertain, "deterministic", "by rule"), &[]);
    check(None, None, (Skipped, "deterministic", "-"), &[]);
    let nothing = Analysis::Skip(Reason::new(ReasonCode::NotApplicable, "no frames"));
    check(Some(nothing), Some(vec![]), (Skipped, "deterministic", "-"), &[]);
    check(Some(Analysis::Settled(baseline())), Some(vec![]), (Ok, "deterministic", "by rule"), &[]);
    let unusable = Error::new(ErrorKind::InvalidInput, "no words");
    check(Some(Analysis::Fail(unusable)), Some(vec![]), (Failed, "deterministic", "-"), &[]);
    check(Some(Analysis::Complete(json!({"said": 7}))), None, (Failed, "deterministic", "-"), &[]);
}

#[test]
fn a_model_answers_its_own_fields_only() {
    use ChargeState::{Settled, Void};
    use Status::{Failed, Ok, Skipped, Uncertain};
    check(complete(), Some(vec![good()]), (Ok, "model", "by model"), &[Settled]);
    let greedy = Says::Text(json!({"said": "by model", "segment": "s1", "counted": 99}));
    check(complete(), Some(vec![greedy, good()]), (Ok, "model", "by model"), &[Settled, Settled]);
    let invented = || Says::Text(json!({"said": "by model", "segment": "s77"}));
    check(complete(), Some(vec![invented(), good()]), (Ok, "model", "by model"), &[Settled, Settled]);
    check(
        complete(),
        Some(vec![invented(), invented()]),
        (Ok, "deterministic", "by rule"),
        &[Settled, Settled],
    );
    let prose = || Says::Text(json!("just words"));
    check(complete(), Some(vec![prose(), prose()]), (Ok, "deterministic", "by rule"), &[Settled, Settled]);
    check(complete(), Some(vec![Says::Refusal]), (Ok, "deterministic", "by rule"), &[Settled]);
    check(evidence(), Some(vec![Says::Refusal]), (Uncertain, "deterministic", "by rule"), &[Settled]);
    let partial = || Some(Analysis::Partial { data: baseline(), lacking: "prose".into() });
    check(
        partial(),
        Some(vec![prose(), prose()]),
        (Uncertain, "deterministic", "by rule"),
        &[Settled, Settled],
    );
    let rejected = || Says::Fails(ErrorKind::ModelRejected, Bill::Nothing, None);
    check(complete(), Some(vec![rejected()]), (Ok, "deterministic", "by rule"), &[Void]);
    check(evidence(), Some(vec![rejected()]), (Uncertain, "deterministic", "by rule"), &[Void]);
    let nothing = Some(Analysis::Skip(ReasonCode::NotApplicable.into()));
    check(nothing, Some(vec![]), (Skipped, "deterministic", "-"), &[]);
    let house = House::new(None, Some(vec![rejected()]));
    house.step("worker", 0).unwrap();
    assert_eq!(house.result("worker").unwrap().status(), Failed);
}

#[test]
fn tools_are_used_and_cited_and_only_granted_ones_run() {
    let cites_tool = Says::Text(json!({"said": "by model", "segment": "s9"}));
    check(
        complete(),
        Some(vec![Says::Tool("search"), cites_tool]),
        (Status::Ok, "model", "by model"),
        &[ChargeState::Settled; 2],
    );
    let house = House::new(complete(), Some(vec![Says::Tool("delete_everything"), good()]));
    house.step("worker", 0).unwrap();
    let asked = house.model.asked.lock().unwrap();
    assert!(format!("{:?}", asked[1].messages).contains("there is no tool `delete_everything`"));
    let goes_back = |message: &ModelMessage| matches!(message, ModelMessage::Assistant { kept, .. } if *kept == [json!("as it came")]);
    assert!(asked[1].messages.iter().any(goes_back));
}

#[test]
fn who_finds_a_step_held_waits_for_its_lease_to_end_only_where_nothing_is_known_to_come_sooner() {
    for (hop, token, expected_ms) in [(0, "token", LEASE_MS), (1, "token", 2_000), (0, "another", 10_000)] {
        let house = House::new(complete(), Some(vec![]));
        let (ports, message) = (house.ports.clone(), house.message("worker", 0));
        house.block_on(async move { lease::claim(&ports, &message).await.unwrap() });
        let message = StepMessage { task_token: Token::new(token), ..house.message("worker", hop) };
        let ports = house.ports.clone();
        house.block_on(async move { run_step(&ports, &message).await.unwrap() });
        assert_eq!(house.next_in_ms(), Some(expected_ms + 1), "{hop} {token}");
    }
}

#[test]
fn the_deepest_runs_have_more_turns() {
    for (depth, turns) in [(Depth::Comprehensive, 4), (Depth::Experimental, 8)] {
        let mut house = House::new(complete(), Some((0..turns).map(|_| Says::Tool("search")).collect()));
        let ports = house.ports.clone();
        house.run = house.block_on(async move {
            let request = RunRequest { depth, ..request(&ports, None).await };
            start_run(&ports, &request).await.unwrap().0
        });
        house.step("worker", 0).unwrap();
        assert_eq!(house.model.asked.lock().unwrap().len(), turns, "{depth:?}");
        let warnings = house.result("worker").unwrap().warnings.join("; ");
        assert!(warnings.contains("the turns were used up"), "{warnings}");
    }
}

#[test]
fn a_refused_call_comes_back_and_is_no_attempt() {
    let refused = || Says::Fails(ErrorKind::RateLimited, Bill::Nothing, Some(7_000));
    let house =
        House::new(complete(), Some(vec![refused(), refused(), refused(), refused(), refused(), good()]));
    for hop in 0..5 {
        house.step("worker", hop).unwrap();
        assert!(house.result("worker").is_none());
    }
    assert_eq!(house.next_in_ms(), Some(7_000));
    house.step("worker", 5).unwrap();
    let result = house.result("worker").unwrap();
    assert_eq!((result.status(), result.meta.attempt), (Status::Ok, 1));
    house.step("worker", 4).unwrap();
    assert_eq!(house.model.asked.lock().unwrap().len(), 6, "an older hop does nothing");
}

#[test]
fn a_step_that_cannot_be_put_off_is_held_by_nobody() {
    let refused = Says::Fails(ErrorKind::RateLimited, Bill::Nothing, Some(7_000));
    let mut house = House::new(complete(), Some(vec![refused, good()]));
    let whole = house.ports.queues.clone();
    house.ports.queues = Arc::new(Broken::new(whole.clone(), house.ports.clock.clone(), Fault::Down));
    house.step("worker", 0).unwrap_err();
    house.ports.queues = whole;
    house.step("worker", 0).unwrap();
    assert_eq!(house.result("worker").unwrap().status(), Status::Ok);
}

/// A workflow that is told its message was not sent sends it once more, with another token, although both are on their way.
#[test]
fn whoever_waits_for_a_step_hears_of_it_although_it_went_back_to_its_queue() {
    let refused = Says::Fails(ErrorKind::RateLimited, Bill::Nothing, Some(7_000));
    let house = House::new(complete(), Some(vec![refused, good()]));
    let step = |token: &str, hop: u32| {
        let message = StepMessage { task_token: Token::new(token), ..house.message("worker", hop) };
        let ports = house.ports.clone();
        house.block_on(async move { run_step(&ports, &message).await }).unwrap();
    };
    step("first", 0);
    assert_eq!(house.queues.len(), 2, "the start of the run, and the step");
    step("second", 0);
    assert_eq!(house.queues.len(), 3, "it comes back");
    // Of the same token one message is enough.
    step("first", 0);
    assert_eq!(house.queues.len(), 3);
    step("first", 1);
    step("second", 0);
    let reports = house.reports.0.lock().unwrap();
    assert_eq!(*reports, [r#"first {"status":"ok"}"#, r#"second {"status":"ok"}"#]);
}

/// A place for content that refuses so many calls.
struct Refusing(Arc<dyn ContentStore>, AtomicU32);

impl Refusing {
    fn refuse(&self) -> Result<()> {
        let left = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(Error::new(ErrorKind::Storage, "slow down")),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl ContentStore for Refusing {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef> {
        self.refuse()?;
        self.0.put(tenant, bytes).await
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>> {
        self.refuse()?;
        self.0.get(tenant, content).await
    }
}

#[test]
fn a_place_for_content_that_refuses_a_few_calls_costs_no_attempt_and_no_second_call() {
    let large = Says::Text(json!({"said": "long ".repeat(10_000), "segment": "s1"}));
    let mut house = House::new(complete(), Some(vec![large]));
    let refusing = Refusing(house.ports.content.clone(), AtomicU32::new(5));
    house.ports.content = Arc::new(refusing);
    house.step("worker", 0).unwrap();
    let result = house.result("worker").unwrap();
    assert_eq!((result.status(), result.meta.attempt), (Status::Ok, 1));
    assert_eq!(house.model.asked.lock().unwrap().len(), 1);
}

#[test]
fn large_data_is_read_back_once_for_all_that_are_given_it() {
    let large = Says::Text(json!({"said": "long ".repeat(10_000), "segment": "s1"}));
    let house = House::new(complete(), Some(vec![large]));
    house.step("worker", 0).unwrap();
    let (mut ports, run) = (house.ports.clone(), house.run.clone());
    house.block_on(async move {
        let steps = ledger_view::steps(&ports, &run).await.unwrap();
        let step = Arc::new(steps.into_iter().find(|step| step.data_ref.is_some()).unwrap());
        let first = claim_check::data(&ports, &step).await.unwrap().unwrap();
        assert_eq!((&first["segment"], first.stored_under()), (&json!("s1"), step.data_ref.as_ref()));
        ports.content = Arc::new(Refusing(ports.content.clone(), AtomicU32::new(u32::MAX)));
        let second = claim_check::data(&ports, &step).await.unwrap().unwrap();
        assert!(std::ptr::eq(&*first, &*second));
        assert!(claim_check::fetch(&ports, &step).await.is_err(), "whoever asks for the stored one gets it");
        ports.read_back = Arc::default();
        assert!(claim_check::data(&ports, &step).await.is_err(), "another process has read nothing");
    });
}

#[test]
fn attempts_are_counted_and_end_on_the_baseline() {
    let fails = || Says::Fails(ErrorKind::Timeout, Bill::Unknown, None);
    let house = House::new(complete(), Some((0..MAX_ATTEMPTS).map(|_| fails()).collect()));
    for hop in 0..MAX_ATTEMPTS {
        house.step("worker", hop).unwrap();
    }
    let result = house.result("worker").unwrap();
    assert_eq!((result.status(), result.meta.basis), (Status::Ok, Basis::Deterministic));
    assert!(result.warnings[0].contains("Timeout"));
    let charges = house.charges();
    assert!(
        charges
            .iter()
            .all(|charge| charge.state == ChargeState::Unsettled && charge.cost == charge.worst_case)
    );
    assert_eq!(result.meta.cost, charges.iter().map(|charge| charge.cost).sum());
}

#[test]
fn a_wait_past_the_deadline_ends_on_what_rules_can_say() {
    let check = |analysis: Option<Analysis>, expected: Status| {
        let refused = Says::Fails(ErrorKind::RateLimited, Bill::Nothing, Some(3_600_000));
        let house = House::new(analysis, Some(vec![refused]));
        house.step("worker", 0).unwrap();
        let result = house.result("worker").unwrap();
        let words = result.reason().unwrap_or_else(|| result.warnings.join(" "));
        assert_eq!(result.status(), expected, "{words}");
        assert!(words.contains("waiting would pass the run's deadline"), "{words}");
    };
    check(complete(), Status::Ok);
    check(evidence(), Status::Uncertain);
    check(None, Status::Failed);
}

#[test]
fn what_was_paid_before_a_wait_that_does_not_fit_is_in_the_steps_cost() {
    let house =
        House::new(complete(), Some(vec![Says::Fails(ErrorKind::Timeout, Bill::Unknown, Some(3_600_000))]));
    house.step("worker", 0).unwrap();
    let paid: NanoUsd = house.charges().iter().map(|charge| charge.cost).sum();
    assert!(paid > NanoUsd::ZERO);
    assert_eq!(house.result("worker").unwrap().meta.cost, paid);
}

#[test]
fn a_cost_the_provider_states_is_the_one_booked() {
    let stated = NanoUsd(77);
    let house = House::new(
        complete(),
        Some(vec![Says::AtCost(stated, json!({"said": "by model", "segment": "s1"}))]),
    );
    house.step("worker", 0).unwrap();
    let costs: Vec<NanoUsd> = house.charges().iter().map(|charge| charge.cost).collect();
    assert_eq!((house.result("worker").unwrap().meta.cost, costs), (stated, vec![stated]));
}

#[test]
fn money_that_does_not_reach_is_said() {
    let check = |price: Option<i64>, budget: i64, analysis: Option<Analysis>, expected: (Status, &str)| {
        let house = House::priced(analysis, Some(vec![]), price, NanoUsd(budget));
        house.step("worker", 0).unwrap();
        let result = house.result("worker").unwrap();
        let words = result.reason().unwrap_or_else(|| result.warnings.join(" "));
        assert_eq!(result.status(), expected.0, "{words}");
        assert!(words.contains(expected.1), "{words}");
        assert!(house.charges().is_empty());
    };
    check(Some(1_000_000_000), 10, complete(), (Status::Ok, "Budget"));
    check(Some(1_000_000_000), 10, evidence(), (Status::Uncertain, "budget"));
    check(Some(1_000_000_000), 10, None, (Status::Skipped, "budget"));
    check(None, 1_000_000_000, complete(), (Status::Ok, "UnknownPrice"));
    check(None, 1_000_000_000, None, (Status::Failed, "UnknownPrice"));
}

#[test]
fn a_finished_step_is_reported_again_and_not_run_again() {
    let house = House::new(complete(), Some(vec![good()]));
    house.step("worker", 0).unwrap();
    house.step("worker", 0).unwrap();
    assert_eq!(house.model.asked.lock().unwrap().len(), 1);
    let reports = house.reports.0.lock().unwrap();
    assert_eq!(*reports, [r#"token {"status":"ok"}"#, r#"token {"status":"ok"}"#]);
}

#[test]
fn what_a_step_needs_and_has_not_makes_it_skipped() {
    let house = House::new(None, None);
    house.step("worker", 0).unwrap();
    house.step("reader", 0).unwrap();
    assert_eq!(house.result("reader").unwrap().reason().unwrap(), "missing_input: worker");
}

#[test]
fn the_same_question_is_paid_once() {
    let mut house = House::new(complete(), Some(vec![good()]));
    house.step("worker", 0).unwrap();
    house.run = house.start();
    house.step("worker", 0).unwrap();
    let result = house.result("worker").unwrap();
    assert_eq!(result.meta.basis.name(), "cache");
    assert!(result.meta.saved > NanoUsd::ZERO && result.meta.cost == NanoUsd::ZERO);
    assert_eq!(result.meta.usage, Usage::default());
}

#[test]
fn a_lost_worker_loses_its_result_and_never_its_bill() {
    let house = House::new(
        complete(),
        Some(vec![Says::Slowly(20_000, json!({"said": "too late", "segment": "s1"})), good()]),
    );
    let (ports, message) = (house.ports.clone(), house.message("worker", 0));
    let mut executor = Executor::new(house.time.clone(), 1);
    let worker = executor.spawn(async move { drop(run_step(&ports, &message).await) });
    let began = house.time.now_ms();
    executor.run_until(|_| house.time.now_ms() > began + 10_000);
    executor.kill(worker);
    // Somebody else must wait for the lease to end.
    house.step("worker", 0).unwrap();
    assert!(house.result("worker").is_none());
    let clock = house.time.clone();
    house.block_on(async move { clock.sleep(60_000).await });
    house.step("worker", 0).unwrap();
    assert_eq!(house.result("worker").unwrap().ok().unwrap()["said"], "by model");
    let states: Vec<ChargeState> = house.charges().iter().map(|charge| charge.state).collect();
    assert_eq!(states, [ChargeState::Unsettled, ChargeState::Settled]);
}

/// Neither where it could store what it has, nor where it would have to pay for a second call.
#[test]
fn a_worker_that_wakes_after_its_lease_does_no_harm() {
    for late in [json!({"said": "too late", "segment": "s1"}), json!({"said": 0})] {
        let in_time = json!({"said": "by model", "segment": "s1"});
        let house = House::new(
            complete(),
            Some(vec![Says::Slowly(20_000, late.clone()), Says::Slowly(30_000, in_time)]),
        );
        let mut executor = Executor::new(house.time.clone(), 1);
        let work = || {
            let (ports, message) = (house.ports.clone(), house.message("worker", 0));
            async move { drop(run_step(&ports, &message).await) }
        };
        let asked = || house.model.asked.lock().unwrap().len();
        let lost = executor.spawn(work());
        executor.run_until(|_| asked() == 1);
        executor.suspend(lost);
        let clock = house.time.clone();
        let passed = executor.spawn(async move { clock.sleep(60_000).await });
        executor.run_until(|executor| !executor.is_alive(passed));
        let next = executor.spawn(work());
        executor.run_until(|_| asked() == 2);
        executor.resume(lost);
        executor.run_until(|executor| !executor.is_alive(lost));
        assert!(house.result("worker").is_none(), "stored: {late}");
        executor.run_until(|executor| !executor.is_alive(next));
        assert_eq!(house.result("worker").unwrap().ok().unwrap()["said"], "by model");
        assert_eq!(*house.reports.0.lock().unwrap(), [r#"token {"status":"ok"}"#]);
        // It is stopped at its next look at the lease, so its call stays booked as lost.
        let states: Vec<ChargeState> = house.charges().iter().map(|charge| charge.state).collect();
        assert_eq!(states, [ChargeState::Unsettled, ChargeState::Settled], "{late}");
    }
}

#[test]
fn a_slow_worker_keeps_its_lease() {
    let house = House::new(
        complete(),
        Some(vec![Says::Slowly(110_000, json!({"said": "at last", "segment": "s1"}))]),
    );
    house.step("worker", 0).unwrap();
    assert_eq!(house.result("worker").unwrap().ok().unwrap()["said"], "at last");
}

#[test]
fn a_cancelled_run_aborts_the_call_in_flight() {
    let house = House::new(complete(), Some(vec![Says::Slowly(100_000, json!({}))]));
    let (ports, message, run) = (house.ports.clone(), house.message("worker", 0), house.run.clone());
    let canceller = ports.clone();
    let began = house.time.now_ms();
    house.block_on(async move {
        let step = async { run_step(&ports, &message).await };
        let cancel = async {
            canceller.clock.sleep(1_000).await;
            crate::cancel_run(&canceller, &run).await
        };
        let (step, cancelled) = futures::join!(step, cancel);
        step.unwrap();
        assert_eq!(cancelled.unwrap(), RunStatus::Running);
    });
    assert!(house.time.now_ms() - began <= 16_000, "at the next renewal");
    assert_eq!(house.result("worker").unwrap().reason().unwrap(), "cancelled");
}

/// Finishing returns the unspent money once, however often it is asked.
#[test]
fn a_run_ends_once_and_returns_what_is_left() {
    let house = House::new(complete(), Some(vec![good()]));
    house.step("worker", 0).unwrap();
    for _ in 0..3 {
        let (ports, run) = (house.ports.clone(), house.run.clone());
        house.block_on(async move { crate::finish_run(&ports, &run, None).await }).unwrap();
    }
    let charged: NanoUsd = house.charges().iter().map(|charge| charge.cost).sum();
    for (_, row) in house.store.all_rows() {
        match row {
            Row::Budget(budget) => assert_eq!((budget.allotted, budget.spent), (NanoUsd::ZERO, charged)),
            Row::Purse(purse) => {
                assert!(purse.closed && purse.available == NanoUsd::ZERO && purse.spent == charged)
            }
            Row::Run(run) => assert_eq!((run.status, run.cost), (RunStatus::Failed, charged)),
            _ => {}
        }
    }
    let (ports, run) = (house.ports.clone(), house.run.clone());
    let steps = house.block_on(async move { ledger_view::steps(&ports, &run).await }).unwrap();
    assert!(steps.iter().all(|step| step.result.is_some() && step.lease.is_none()));
}

#[test]
fn an_idempotency_key_is_one_run() {
    let house = House::new(complete(), None);
    let ports = house.ports.clone();
    house.block_on(async move {
        let mut request = request(&ports, Some("k")).await;
        let (first, new) = start_run(&ports, &request).await.unwrap();
        assert!(new);
        assert_eq!(start_run(&ports, &request).await.unwrap(), (first, false));
        request.depth = Depth::Deep;
        let refused: Result<_> = start_run(&ports, &request).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::IdempotencyMismatch);
    });
}

#[test]
fn a_repeated_request_finds_its_run_although_the_day_is_spent() {
    let house = House::priced(complete(), Some(vec![good()]), Some(1_000_000_000), NanoUsd(2_000_000));
    let ports = house.ports.clone();
    house.block_on(async move {
        let request = request(&ports, Some("k")).await;
        let (first, _) = start_run(&ports, &request).await.unwrap();
        let budget = Key::Budget(first.tenant.clone(), crate::calendar::day(ports.clock.now_ms()));
        let spent = Row::Budget(Budget { allotted: NanoUsd(2_000_000), ..Budget::of(None) });
        let change = Change { key: budget, expect: Expect::Anything, to: Becomes::Row(spent), due_ms: None };
        ports.store.write(&[change]).await.unwrap();
        assert_eq!(start_run(&ports, &request).await.unwrap(), (first, false));
        let other = RunRequest { idempotency_key: None, ..request };
        assert_eq!(start_run(&ports, &other).await.unwrap_err().kind(), ErrorKind::Budget);
    });
}
