//! The plan: who runs at this depth, and what part of the budget each may use.

use engine::error::{Error, ErrorKind};
use engine::step_input::{Analysis, StepInput};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input;

/// Shares are counted in millionths, so that they add up exactly.
const WHOLE: u64 = 1_000_000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Plan {
    depth: String,
    max_claims: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Agent {
    agent: String,
    from_depth: String,
    in_depth: bool,
    dispensable: bool,
    weight: f64,
}

/// Plans the agents of the depth; what the request makes useless is for a model to say.
pub fn baseline(input: &StepInput) -> Analysis {
    let Some(fact) = input.fact("plan") else { return input::no_fact("plan") };
    let plan: Plan = input::read(Some(fact));
    let agents: Vec<Agent> = input::list(fact.get("agents"));
    if agents.is_empty() {
        return Analysis::Fail(Error::new(
            ErrorKind::Configuration,
            "the catalogue has no agents to plan with",
        ));
    }
    let depth = match plan.depth.as_str() {
        known @ ("quick" | "standard" | "deep" | "comprehensive" | "experimental") => known,
        _ => input.request.depth.name(),
    };
    let rows: Vec<Value> = agents
        .iter()
        .zip(shares(&agents))
        .map(|(agent, share)| {
            json!({
                "agent": agent.agent,
                "run": agent.in_depth,
                "reason": reason(agent, depth),
                "budget_share": share as f64 / WHOLE as f64,
            })
        })
        .collect();
    Analysis::Complete(json!({
        "intent": null,
        "depth": depth,
        "agents": rows,
        "max_claims": plan.max_claims,
        "skip": [],
    }))
}

fn reason(agent: &Agent, depth: &str) -> String {
    let from = &agent.from_depth;
    match (agent.in_depth, from.as_str()) {
        (false, _) => format!("only in {from} and deeper; this run is {depth}"),
        (true, _) if !agent.dispensable => "there is no briefing without it".to_owned(),
        (true, "quick") => "at every depth".to_owned(),
        (true, _) => format!("in {from} and deeper"),
    }
}

/// Millionths by weight. What rounding leaves goes to the largest; without any weight all planned are equal.
fn shares(agents: &[Agent]) -> Vec<u64> {
    let largest = agents.iter().map(weight).fold(0.0, f64::max);
    let part = |agent: &Agent| match (agent.in_depth, largest > 0.0) {
        (false, _) => 0.0,
        // Relative to the largest, so that no sum overflows.
        (true, true) => weight(agent) / largest,
        (true, false) => 1.0,
    };
    let total: f64 = agents.iter().map(part).sum();
    let mut shares: Vec<u64> = agents
        .iter()
        .map(|agent| if total > 0.0 { (part(agent) / total * WHOLE as f64).floor() as u64 } else { 0 })
        .collect();
    let rest = WHOLE.saturating_sub(shares.iter().sum());
    let most = shares.iter().copied().max().unwrap_or_default();
    if let Some(first) = shares.iter_mut().find(|share| **share == most && most > 0) {
        *first += rest;
    }
    shares
}

fn weight(agent: &Agent) -> f64 {
    if agent.in_depth && agent.weight.is_finite() { agent.weight.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    fn plan(weights: [f64; 3]) -> Value {
        let agent = |name: &str, from: &str, planned: bool, dispensable: bool, weight: f64| {
            json!({"agent": name, "role": name, "from_depth": from, "in_depth": planned, "needs_model": false,
                "dispensable": dispensable, "weight": weight})
        };
        let facts = json!({"plan": {"depth": "standard", "cap_nano_usd": 1, "max_claims": 8, "agents": [
            agent("a", "quick", true, false, weights[0]),
            agent("b", "standard", true, true, weights[1]),
            agent("c", "deep", false, true, weights[2]),
        ]}});
        check("mission_orchestrator", baseline, &step(Value::Null, json!({}), facts))
    }

    #[test]
    fn plans_the_depth_and_shares_the_budget() {
        let data = plan([1.0, 2.0, 4.0]);
        let rows = data["agents"].as_array().unwrap();
        let runs: Vec<bool> = rows.iter().map(|row| row["run"].as_bool().unwrap()).collect();
        assert_eq!(runs, [true, true, false]);
        let sum: f64 = rows.iter().map(|row| row["budget_share"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert_eq!(rows[1]["budget_share"], 0.666667);
        assert_eq!(rows[1]["reason"], "in standard and deeper");
        assert_eq!(rows[2]["reason"], "only in deep and deeper; this run is standard");
        assert_eq!(data["max_claims"], 8);
    }

    #[test]
    fn without_weights_all_are_equal() {
        assert_eq!(plan([0.0, 0.0, 1.0])["agents"][0]["budget_share"], 0.5);
    }

    #[test]
    fn no_plan_is_an_error() {
        assert!(matches!(baseline(&step(Value::Null, json!({}), json!({}))), Analysis::Fail(_)));
    }
}
