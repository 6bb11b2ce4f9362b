//! How the run went, by its report. Advice rests on numbers of the report only.

use std::collections::BTreeSet;

use engine::model::ReasonCode;
use engine::step_input::{Analysis, StepInput};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input;

const MOST_SLOW: usize = 5;
/// A step is slow that takes longer than this and than a third of all steps together.
const SLOW_MS: u64 = 30_000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    cost_nano_usd: i64,
    cap_nano_usd: i64,
    unsettled_nano_usd: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    agent: String,
    item: Option<String>,
    status: String,
    reason: Option<String>,
    attempt: u64,
    duration_ms: u64,
    warnings: Vec<String>,
}

/// Counts, gaps, cost and slow steps of the run so far.
pub fn baseline(input: &StepInput) -> Analysis {
    let Some(fact) = input.fact("run_report") else { return input::no_fact("run_report") };
    let report: Report = input::read(Some(fact));
    let steps: Vec<Step> = input::list(fact.get("steps"));
    let count = |status: &str| steps.iter().filter(|step| step.status == status).count();
    let mut seen = BTreeSet::new();
    let gaps: Vec<(&str, &str)> = steps
        .iter()
        .filter(|step| step.status != "ok")
        .map(|step| (step.agent.as_str(), step.reason.as_deref().unwrap_or(&step.status)))
        .filter(|gap| seen.insert(*gap))
        .collect();
    let mut slowest: Vec<&Step> = steps.iter().collect();
    slowest.sort_by_key(|step| std::cmp::Reverse(step.duration_ms));
    slowest.truncate(MOST_SLOW);
    let slow =
        |step: &&Step| json!({"agent": step.agent, "item": step.item, "duration_ms": step.duration_ms});
    let retried: Vec<&Step> = steps.iter().filter(|step| step.attempt > 1).collect();
    let advice = advice(&report, &steps, &retried);
    let is_clean = advice.is_empty() && steps.iter().all(is_as_it_should_be) && !has_slow_step(&steps);
    let data = json!({
        "steps": {
            "total": steps.len(),
            "ok": count("ok"),
            "skipped": count("skipped"),
            "uncertain": count("uncertain"),
            "failed": count("failed"),
        },
        "gaps": gaps.iter().map(|(agent, reason)| json!({"agent": agent, "reason": reason})).collect::<Vec<_>>(),
        "cost_nano_usd": report.cost_nano_usd,
        "cap_nano_usd": report.cap_nano_usd,
        "unsettled_nano_usd": report.unsettled_nano_usd,
        "slowest": slowest.iter().map(slow).collect::<Vec<_>>(),
        "retried": retried.iter().map(|step| json!({"agent": step.agent, "attempt": step.attempt})).collect::<Vec<_>>(),
        "advice": advice,
    });
    if is_clean { Analysis::Settled(data) } else { Analysis::Complete(data) }
}

impl Step {
    fn is_because(&self, code: ReasonCode) -> bool {
        self.reason.as_deref().is_some_and(|reason| reason.starts_with(code.name()))
    }
}

/// It did its work, with nothing to remark, or there was none for it.
fn is_as_it_should_be(step: &Step) -> bool {
    match step.status.as_str() {
        // Also of one that had to do without the model.
        "ok" => step.warnings.is_empty(),
        "skipped" => step.is_because(ReasonCode::NotApplicable) || step.is_because(ReasonCode::NotPlanned),
        _ => false,
    }
}

fn has_slow_step(steps: &[Step]) -> bool {
    let all: u64 = steps.iter().map(|step| step.duration_ms).sum();
    steps.iter().any(|step| step.duration_ms > SLOW_MS && step.duration_ms > all / 3)
}

fn advice(report: &Report, steps: &[Step], retried: &[&Step]) -> Vec<Value> {
    let mut advice = Vec::new();
    let mut say = |text: &str, evidence: String| advice.push(json!({"text": text, "evidence": evidence}));
    let failed: Vec<&Step> = steps.iter().filter(|step| step.status == "failed").collect();
    if let Some(first) = failed.first() {
        let reason = first.reason.as_deref().unwrap_or("no reason recorded");
        say(
            "Look into the failed steps first.",
            format!("{}, first {}: {reason}", counted(failed.len(), "failed"), first.agent),
        );
    }
    if report.unsettled_nano_usd > 0 {
        say(
            "Compare the provider's bill with the calls that never reported back.",
            format!("{} nano-dollars are booked at their worst case", report.unsettled_nano_usd),
        );
    }
    if report.cap_nano_usd > 0 && report.cost_nano_usd as f64 >= 0.8 * report.cap_nano_usd as f64 {
        say(
            "Raise the cap or choose a lesser depth.",
            format!("{} of {} nano-dollars were spent", report.cost_nano_usd, report.cap_nano_usd),
        );
    }
    let because = |code: ReasonCode| steps.iter().filter(|step| step.is_because(code)).count();
    match because(ReasonCode::Budget) {
        0 => {}
        short => say("Give the run more budget.", counted(short, "ended short of money")),
    }
    if let Some(most) = retried.iter().max_by_key(|step| step.attempt) {
        say(
            "Look into what made steps start again.",
            format!(
                "{}, {} as many as {}",
                counted(retried.len(), "took more than one attempt"),
                most.agent,
                most.attempt
            ),
        );
    }
    match because(ReasonCode::NoModel) {
        0 => {}
        without => say("Configure a model provider to fill the gaps.", counted(without, "lacked a model")),
    }
    advice
}

fn counted(steps: usize, did: &str) -> String {
    format!("{steps} {} {did}", if steps == 1 { "step" } else { "steps" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    fn row(agent: &str, item: Value, status: &str, reason: Value, attempt: u64, duration_ms: u64) -> Value {
        json!({"agent": agent, "item": item, "status": status, "reason": reason, "basis": "deterministic",
            "attempt": attempt, "cost_nano_usd": 1, "saved_nano_usd": 0, "duration_ms": duration_ms, "warnings": []})
    }

    #[test]
    fn sums_and_advice_come_from_the_report() {
        let report = json!({"depth": "standard", "cost_nano_usd": 90, "cap_nano_usd": 100, "unsettled_nano_usd": 4,
        "steps": [
            row("a", json!(null), "ok", json!(null), 3, 10),
            row("v", json!("c1"), "uncertain", json!("no_model"), 1, 30),
            row("v", json!("c2"), "uncertain", json!("no_model"), 1, 20),
            row("f", json!(null), "failed", json!("Timeout: no answer"), 2, 5),
            row("s", json!(null), "skipped", json!("budget: too dear"), 1, 0),
            row("t", json!(null), "ok", json!(null), 1, 1),
        ]});
        let input = step(Value::Null, json!({}), json!({"run_report": report}));
        let data = check("system_reliability_officer", baseline, &input);
        assert_eq!(data["steps"], json!({"total": 6, "ok": 2, "skipped": 1, "uncertain": 2, "failed": 1}));
        assert_eq!(data["gaps"].as_array().unwrap().len(), 3);
        assert_eq!(data["slowest"].as_array().unwrap().len(), 5);
        assert_eq!(data["slowest"][0], json!({"agent": "v", "item": "c1", "duration_ms": 30}));
        assert_eq!(data["retried"], json!([{"agent": "a", "attempt": 3}, {"agent": "f", "attempt": 2}]));
        let evidence: Vec<&str> =
            data["advice"].as_array().unwrap().iter().map(|row| row["evidence"].as_str().unwrap()).collect();
        assert_eq!(
            evidence,
            [
                "1 step failed, first f: Timeout: no answer",
                "4 nano-dollars are booked at their worst case",
                "90 of 100 nano-dollars were spent",
                "1 step ended short of money",
                "2 steps took more than one attempt, a as many as 3",
                "2 steps lacked a model",
            ]
        );
    }

    #[test]
    fn a_smooth_run_needs_no_advice() {
        let report = json!({"cost_nano_usd": 0, "cap_nano_usd": 100, "unsettled_nano_usd": 0,
            "steps": [row("a", json!(null), "ok", json!(null), 1, 10)]});
        let input = step(Value::Null, json!({}), json!({"run_report": report}));
        assert_eq!(check("system_reliability_officer", baseline, &input)["advice"], json!([]));
        let is_settled = |rows: Vec<Value>| {
            let report =
                json!({"cost_nano_usd": 0, "cap_nano_usd": 100, "unsettled_nano_usd": 0, "steps": rows});
            let input = step(Value::Null, json!({}), json!({"run_report": report}));
            matches!(baseline(&input), Analysis::Settled(_))
        };
        let ok = row("a", json!(null), "ok", json!(null), 1, 10);
        let skipped = |reason: &str| row("b", json!(null), "skipped", json!(reason), 1, 0);
        assert!(is_settled(vec![ok.clone(), skipped("not_applicable: no images")]));
        assert!(!is_settled(vec![ok.clone(), skipped("missing_input: no map")]));
        assert!(!is_settled(vec![ok.clone(), row("c", json!(null), "uncertain", json!("refused"), 1, 0)]));
        let warned = json!({"agent": "w", "status": "ok", "attempt": 1, "warnings": ["by rules only"]});
        assert!(!is_settled(vec![ok.clone(), warned]));
        assert!(!is_settled(vec![ok.clone(), row("d", json!(null), "ok", json!(null), 2, 0)]));
        assert!(!is_settled(vec![ok, row("e", json!(null), "ok", json!(null), 1, 40_000)]));
        assert!(matches!(baseline(&step(Value::Null, json!({}), json!({}))), Analysis::Fail(_)));
    }
}
