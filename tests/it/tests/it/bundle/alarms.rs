//! Alarms on the functions' own figures ring when their cause is made. The emulator does not read figures out of logs, as
//! CloudWatch does, so the lines are handed to it, and to our own evaluation, which knows what the emulator does not.

use std::collections::BTreeSet;

use alarms::{Assumptions, Figures, State, Template, Watch};
use engine::model::RunStatus;
use lab::stack::{Kind, Rule, When};
use serde_json::{Value, json};

use super::Bundle;
use crate::assay::root;
use crate::template::facts::FUNCTIONS;

pub(super) const STACK: &str = "assay";
const BUDGET_USD: i64 = 20;

/// What rings here, and in `endings`.
pub(super) const RUNG: [&str; 4] = ["messages-given-up", "runs-failed", "health-failing", "runs-overdue"];

/// Makes three runs fail and the health checks too, beside the dead letters that there are.
pub(super) fn causes_ring(bundle: &Bundle) {
    let stack = &bundle.stack;
    assert_eq!(stack.enable_mapping("agent-light", false).unwrap(), 1);
    let runs: Vec<_> = (0..3).map(|_| bundle.post("quick")).collect();
    super::until("their first steps wait", || stack.queue_depth("agent-light").unwrap().visible == 3);
    for run in &runs {
        stack.stop_execution(run).unwrap();
        assert_eq!(bundle.wait(run).run.status, RunStatus::Failed);
    }
    stack.faults().add(Rule::new("dynamodb", "*", When::Always, Kind::Refuse).by("health"));
    stack.invoke("health", &json!({})).unwrap();

    let lines = lines(bundle);
    let rung = rung(&lines, BUDGET_USD);
    println!("{} lines of figures; {rung:?} ring", lines.len());
    for expected in ["messages-given-up", "runs-failed"] {
        assert!(rung.contains(expected), "{expected} does not ring: {rung:?}");
    }
    // The check that passed is minutes old by then.
    let failing = lines
        .iter()
        .filter(|line| line["HealthChecksFailing"].as_u64() > Some(0))
        .cloned()
        .collect::<Vec<_>>();
    assert!(self::rung(&failing, BUDGET_USD).contains("health-failing"), "{failing:?}");
    for quiet in ["runs-overdue", "steps-slow", "model-failing", "cost-burn"] {
        assert!(!rung.contains(quiet), "{quiet} rings: {rung:?}");
    }
    hand_over(bundle, &lines);
    assert_eq!(states(bundle, "ALARM"), BTreeSet::from(["messages-given-up".to_owned()]));
}

/// The alarms over figures of functions that what has happened so far makes ring.
pub(super) fn ringing(bundle: &Bundle) -> BTreeSet<String> {
    rung(&lines(bundle), BUDGET_USD)
}

/// The lines of all functions' logs that hold figures.
pub(super) fn lines(bundle: &Bundle) -> Vec<Value> {
    let logs = FUNCTIONS.iter().filter_map(|function| bundle.stack.log_of(function.name).ok());
    let text = logs.collect::<Vec<_>>().join("\n");
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["_aws"].is_object()).collect()
}

/// When a line was written, in milliseconds.
pub(super) fn at_ms(line: &Value) -> u64 {
    line["_aws"]["Timestamp"].as_u64().unwrap()
}

/// The alarms that ring at some time within the next minutes, of those over figures of functions.
pub(super) fn rung(lines: &[Value], budget_usd: i64) -> BTreeSet<String> {
    let mut figures = Figures::default();
    for line in lines {
        assert_eq!(figures.record_line(line), Ok(true), "{line}");
    }
    let times = || lines.iter().map(at_ms);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return BTreeSet::new() };
    ring(&figures, first, last, budget_usd)
}

/// The same of figures that begin and end then.
pub(super) fn ring(figures: &Figures, first_ms: u64, last_ms: u64, budget_usd: i64) -> BTreeSet<String> {
    let watch = watch(budget_usd);
    let changes = watch.play(figures, first_ms, last_ms + 60_000, Assumptions::default());
    let own = own(&watch);
    let rung = changes.into_iter().filter(|change| change.to == State::Alarm);
    rung.map(|change| plain(&change.alarm)).filter(|name| own.contains(name)).collect()
}

/// The stack's alarms.
pub(super) fn watch(budget_usd: i64) -> Watch {
    Watch::of(&Template::alarms(&root(), STACK, budget_usd).unwrap()).unwrap()
}

/// Those that look at nothing but the platform's own figures.
pub(super) fn own(watch: &Watch) -> BTreeSet<String> {
    let own = watch.alarms().iter().filter(|alarm| alarm.metrics().all(|metric| metric.namespace == "Assay"));
    own.map(|alarm| plain(&alarm.name)).collect()
}

/// An alarm's name without the stack's.
fn plain(name: &str) -> String {
    name.trim_start_matches("assay-").to_owned()
}

/// Gives the emulator the figures of these lines.
fn hand_over(bundle: &Bundle, lines: &[Value]) {
    for line in lines {
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        let data: Vec<Value> = metrics
            .iter()
            .map(|metric| {
                let name = metric["Name"].as_str().unwrap();
                let values = match &line[name] {
                    Value::Array(values) => values.clone(),
                    value => vec![value.clone()],
                };
                json!({
                    "MetricName": name,
                    "Dimensions": [{ "Name": "Stack", "Value": line["Stack"] }],
                    "Timestamp": at_ms(line) / 1_000,
                    "Values": values,
                })
            })
            .collect();
        let body = json!({ "Namespace": "Assay", "MetricData": data });
        let target = "GraniteServiceVersion20100801.PutMetricData";
        bundle.stack.service("monitoring", target, &body).unwrap();
    }
}

/// The stack's alarms that the emulator says are in this state.
fn states(bundle: &Bundle, state: &str) -> BTreeSet<String> {
    let body = json!({ "AlarmNamePrefix": format!("{STACK}-") });
    let target = "GraniteServiceVersion20100801.DescribeAlarms";
    let answer = bundle.stack.service("monitoring", target, &body).unwrap();
    let alarms = answer["MetricAlarms"].as_array().unwrap();
    assert!(alarms.len() >= 5, "{answer}");
    let these = alarms.iter().filter(|alarm| alarm["StateValue"] == state);
    these.map(|alarm| plain(alarm["AlarmName"].as_str().unwrap())).collect()
}
