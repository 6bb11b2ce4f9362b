//! Causes made on the stack, each of which rings its alarm and no other.
//!
//! The figures are those that the real functions wrote into their logs. Where an alarm asks for three bad minutes of five, the
//! time between the lines of its cause is told [`FASTER`] times as long as it was, and nothing else of them is changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alarms::Figures;
use alarms::site::Deployed;
use boot::SystemClock;
use engine::model::RunStatus;
use engine::ports::Clock as _;
use lab::scripted::Fault;
use lab::stack::{Kind, Rule, When};
use serde_json::{Value, json};

use super::alarms::{RUNG, STACK, at_ms, lines, own, ring, rung, watch};
use super::{Bundle, request, script, transcript, until_within};
use crate::assay::root;

/// So many times longer than it took is told what must last for minutes.
const FASTER: u64 = 20;
/// A dollar a day, of which an hour may cost a quarter, at ten times the price that other tests have.
const BUDGET_USD: i64 = 1;
const DEAR: &str = "1.5/6";
/// The last agent of a quick run, and how long a model makes its steps of the first three runs last, in milliseconds: over the
/// minute and a half that is slow, and told 80 s apart.
const SLOW_AGENT: &str = "intelligence_briefing_curator";
const SLOW_MS: [u64; 3] = [91_000, 95_000, 99_000];
/// A model that fails is seen failing so often, and so far apart, in milliseconds: a minute each when it is told.
const FAILING_RUNS: usize = 5;
const FAILING_EACH_MS: u64 = 60_000 / FASTER;
/// What is rung here.
const CAUSED: [&str; 5] = ["cost-burn", "step-errors", "function-failures", "steps-slow", "model-failing"];
/// What may ring beside each: the first at silence, for a cause here lasts shorter than the time from one check to the next; the
/// second wherever runs end, for all of them are dear.
const BESIDE: [&str; 2] = ["health-failing", "cost-burn"];

#[test]
fn every_alarm_on_the_platforms_own_figures_is_made_to_ring() {
    let made: BTreeSet<String> = RUNG.iter().chain(&CAUSED).map(|name| (*name).to_owned()).collect();
    assert_eq!(own(&watch(BUDGET_USD)), made);
}

#[test]
fn each_cause_rings_its_alarm_and_no_other() {
    let is_failing = Arc::new(AtomicBool::new(false));
    let fails = is_failing.clone();
    let script = script()
        .without_tools()
        .with_pause(|call| match call.agent == SLOW_AGENT {
            true => SLOW_MS.get(call.nth as usize - 1).copied().unwrap_or(0),
            false => 0,
        })
        .with_faults(move |_| fails.load(Ordering::Relaxed).then_some(Fault::ServerError { billed: false }));
    let bundle = Bundle::start_with("it-causes", script, |options| {
        let options = options.parameter("LlmPrice", DEAR).parameter("DailyBudgetUsd", BUDGET_USD.to_string());
        options.parameter("AgentLightConcurrency", "8")
    });

    // One tenant may spend more in a day than the deployment means to.
    let limits = json!({ "operator": "set_limits", "tenant": "lab", "daily_budget": "20" });
    bundle.stack.invoke("api", &limits).unwrap();

    // Three runs wait for their last model, and other things go wrong meanwhile.
    let slow: Vec<_> = SLOW_MS.iter().map(|_| bundle.post("quick")).collect();
    let asked = || bundle.model.bill().calls_by_agent().get(SLOW_AGENT).copied().unwrap_or(0);
    until_within("the slow calls are made", Duration::from_secs(60), || asked() == slow.len() as u64);
    let slow_ends_ms = now_ms() + SLOW_MS[0] - 5_000;

    runs_are_dear(&bundle);
    a_queue_is_gone(&bundle);
    a_function_fails(&bundle);
    println!("{} ms before the first slow step ends", slow_ends_ms as i64 - now_ms() as i64);
    assert!(now_ms() < slow_ends_ms, "what was made meanwhile took too long to be told from what is slow");

    for run in &slow {
        assert_eq!(bundle.wait(run).run.status, RunStatus::Complete);
    }
    rings("steps-slow", &bundle, slow_ends_ms, FASTER);

    let from_ms = now_ms();
    is_failing.store(true, Ordering::Relaxed);
    for _ in 0..FAILING_RUNS {
        bundle.post("quick");
        std::thread::sleep(Duration::from_millis(FAILING_EACH_MS));
    }
    rings("model-failing", &bundle, from_ms, FASTER);
}

/// Each of another text, so that none is answered by what the other paid.
fn runs_are_dear(bundle: &Bundle) {
    let from_ms = now_ms();
    let runs = ["1", "2", "3", "4"].map(|number| {
        let mut body = request("standard");
        body["text"] = json!(transcript().replace("42 million", &format!("{number}42 million")));
        bundle.stack.post_run(&body).unwrap()
    });
    let costs = runs.map(|run| bundle.wait(&run).run.cost.0);
    println!("standard runs cost {costs:?} nano-dollars");
    rings("cost-burn", bundle, from_ms, 1);
}

/// The workflow cannot send the steps that check claims, in two runs.
fn a_queue_is_gone(bundle: &Bundle) {
    let from_ms = now_ms();
    bundle.stack.delete_queue("agent-semantic").unwrap();
    let runs: Vec<_> = (0..2).map(|_| bundle.post("standard")).collect();
    for run in runs {
        assert_eq!(bundle.wait(&run).run.status, RunStatus::Partial);
    }
    rings("step-errors", bundle, from_ms, 1);
}

/// `sweep` may not use the table for three minutes. AWS writes a line of each invocation, which the template's filters count where
/// it failed; the emulator writes other lines, so what it says of failed invocations is counted in their place.
fn a_function_fails(bundle: &Bundle) {
    let stack = &bundle.stack;
    let rule = stack.faults().add(Rule::new("dynamodb", "*", When::Always, Kind::Refuse).by("sweep"));
    for _ in 0..3 {
        assert!(stack.invoke("sweep", &json!({})).is_err());
    }
    stack.faults().end(rule);
    assert!(stack.invoke("sweep", &json!({})).is_ok());

    let counted = |name: &str| {
        let (from_s, to_s) = ((now_ms() / 1_000).saturating_sub(3_600), now_ms() / 1_000 + 60);
        let body = json!({
            "Namespace": "AWS/Lambda", "MetricName": name, "Period": 60, "Statistics": ["Sum"],
            "Dimensions": [{ "Name": "FunctionName", "Value": format!("{STACK}-sweep") }],
            "StartTime": from_s, "EndTime": to_s,
        });
        let target = "GraniteServiceVersion20100801.GetMetricStatistics";
        let answer = stack.service("monitoring", target, &body).unwrap();
        let points = answer["Datapoints"].as_array().unwrap().iter();
        points.map(|point| point["Sum"].as_f64().unwrap()).sum::<f64>()
    };
    assert_eq!((counted("Invocations"), counted("Errors")), (4.0, 3.0));
    let metric = Deployed::read(&root(), STACK).unwrap().functions["sweep"].failures.clone().unwrap();
    let (mut figures, at_ms) = (Figures::default(), now_ms());
    (0..3).for_each(|_| figures.record(metric.clone(), at_ms, 1.0));
    check("function-failures", ring(&figures, at_ms, at_ms, BUDGET_USD));
}

/// The lines since then ring this alarm, sooner or later, and no other.
fn rings(alarm: &str, bundle: &Bundle, from_ms: u64, faster: u64) {
    let rung = || {
        let lines: Vec<Value> = lines(bundle).into_iter().filter(|line| at_ms(line) >= from_ms).collect();
        rung(&told_longer(lines, from_ms, faster), BUDGET_USD)
    };
    until_within(&format!("{alarm} rings"), Duration::from_secs(30), || rung().contains(alarm));
    check(alarm, rung());
}

fn check(alarm: &str, mut rung: BTreeSet<String>) {
    rung.retain(|name| name == alarm || !BESIDE.contains(&name.as_str()));
    println!("{alarm} rings");
    assert_eq!(rung, BTreeSet::from([alarm.to_owned()]));
}

/// The lines, with so many times the time between them.
fn told_longer(mut lines: Vec<Value>, from_ms: u64, faster: u64) -> Vec<Value> {
    for line in &mut lines {
        line["_aws"]["Timestamp"] = json!(from_ms + (at_ms(line) - from_ms) * faster);
    }
    lines
}

fn now_ms() -> u64 {
    SystemClock.now_ms()
}
