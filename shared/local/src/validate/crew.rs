//! The agents: that their rows hold together, and that all of them are there and in the workflow.

use std::collections::BTreeSet;

use engine::agent::AgentSpec;
use engine::error::Result;
use engine::ports::Ports;
use serde_json::Value;

use super::Found;
use crate::workflow::{CONTENT_INTELLIGENCE, machine};

/// How many agents the platform has.
pub(super) const AGENTS: usize = 26;

/// Schemas compile, and what a row names exists.
pub(super) async fn configuration(ports: &Ports) -> Result<Found> {
    let agents = &ports.catalogue.agents;
    let faults: Vec<String> = agents.iter().flat_map(|agent| faults(ports, agent)).collect();
    if let Some(first) = faults.first() {
        let more = faults.len() - 1;
        return Ok(Found::fail(
            format!("{first}; {more} more"),
            "mend shared/catalogue/agents.toml and its schemas",
        ));
    }
    if let Err(error) = machine(CONTENT_INTELLIGENCE) {
        return Ok(Found::fail(error.to_string(), "mend infra/workflows/content-intelligence.asl.json"));
    }
    let version = &ports.catalogue.version;
    Ok(Found::pass(format!(
        "schemas of {} agents compile, all they name exists, the workflow can be walked; catalogue {version}",
        agents.len()
    )))
}

fn faults(ports: &Ports, agent: &AgentSpec) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", agent.id));
    if let Err(why) = agent.compiled() {
        fault(format!("its schema does not compile: {why}"));
    }
    for tool in agent.tools.iter().filter(|tool| !ports.tools.contains_key(tool.as_str())) {
        fault(format!("there is no tool {tool}"));
    }
    for analyser in agent.analyser.iter().filter(|name| !ports.analysers.contains_key(name.as_str())) {
        fault(format!("there is no analyser {analyser}"));
    }
    for input in agent.inputs().filter(|input| ports.catalogue.agent(input).is_none()) {
        fault(format!("there is no agent {input}"));
    }
    faults
}

/// Counted in the catalogue and in the workflow.
pub(super) async fn count(ports: &Ports) -> Result<Found> {
    let known: BTreeSet<String> = ports.catalogue.agents.iter().map(|agent| agent.id.to_string()).collect();
    let mut at_work = BTreeSet::new();
    let workflow: Value = serde_json::from_str(CONTENT_INTELLIGENCE).unwrap_or_default();
    agents_of(&workflow, &mut at_work);
    if known.len() == AGENTS && known == at_work {
        return Ok(Found::pass(format!("{AGENTS} agents in the catalogue, and the same in the workflow")));
    }
    let missing: Vec<&str> = at_work.symmetric_difference(&known).map(String::as_str).collect();
    let what = format!(
        "{} agents in the catalogue, {} in the workflow: {}",
        known.len(),
        at_work.len(),
        missing.join(", ")
    );
    Ok(Found::fail(what, format!("there must be {AGENTS}, each with a row and a state")))
}

/// Every agent that a state sends a message for.
fn agents_of(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(agent) = fields.get("MessageBody").and_then(|body| body["agent"].as_str()) {
                found.insert(agent.to_owned());
            }
            fields.values().for_each(|value| agents_of(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| agents_of(value, found)),
        _ => {}
    }
}
