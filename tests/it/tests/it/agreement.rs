//! The catalogue, the workflow and the code describe one system. These checks run over texts, so that broken texts can
//! be shown to be seen.

use std::collections::{BTreeMap, BTreeSet};

use engine::agent::{AgentSpec, Catalogue, Profile};
use engine::error::ErrorKind;
use serde_json::Value;

/// Error names of the services, as the workflow may match them.
const SERVICE_ERRORS: &[&str] = &["States.ALL", "States.Timeout", "States.TaskFailed"];

fn asl() -> Value {
    serde_json::from_str(local::workflow::CONTENT_INTELLIGENCE).unwrap()
}

/// Where catalogue and workflow differ.
pub(crate) fn faults(catalogue: &Catalogue, asl: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut order = Order::default();
    order.machine(asl, &BTreeSet::new(), &mut faults);
    for agent in &catalogue.agents {
        let id = agent.id.as_str();
        let Some(place) = order.places.get(id) else {
            faults.push(format!("{id} is in no workflow"));
            continue;
        };
        if place.queue != queue_of(agent.profile) {
            faults.push(format!(
                "{id} is sent to {} but its profile is {}",
                place.queue,
                agent.profile.name()
            ));
        }
        for input in agent.inputs() {
            if !place.before.contains(input.as_str()) {
                faults.push(format!("{id} reads {input}, which does not come before it"));
            }
        }
        faults.extend(fan_out_fault(agent, place));
        if agent.dispensable && !place.flagged {
            faults.push(format!("{id} is dispensable, but no plan flag is tested before it"));
        }
    }
    for id in order.places.keys() {
        if !catalogue.agents.iter().any(|agent| agent.id.as_str() == id) {
            faults.push(format!("the workflow names {id}, which is no agent"));
        }
    }
    for error in &order.errors {
        let known = ErrorKind::from_name(error).is_some()
            || SERVICE_ERRORS.contains(&error.as_str())
            || error.starts_with("SQS.");
        if !known {
            faults.push(format!("the workflow matches {error}, which nobody raises"));
        }
    }
    faults
}

fn fan_out_fault(agent: &AgentSpec, place: &Place) -> Option<String> {
    match (&agent.fan_out, place.in_map) {
        (Some(_), false) => Some(format!("{} runs once per item, but stands in no Map", agent.id)),
        (None, true) => Some(format!("{} runs once, but stands in a Map", agent.id)),
        _ => None,
    }
}

fn queue_of(profile: Profile) -> &'static str {
    match profile {
        Profile::Light => "${AgentLightQueueUrl}",
        Profile::Tools => "${AgentToolsQueueUrl}",
        Profile::Semantic => "${AgentSemanticQueueUrl}",
    }
}

/// Where an agent stands in the workflow.
#[derive(Debug)]
struct Place {
    queue: String,
    before: BTreeSet<String>,
    flagged: bool,
    in_map: bool,
}

#[derive(Default)]
struct Order {
    places: BTreeMap<String, Place>,
    errors: BTreeSet<String>,
    depth_of_maps: usize,
}

impl Order {
    /// Follows a machine along its happy path; returns the agents it has run when it ends.
    fn machine(
        &mut self,
        machine: &Value,
        before: &BTreeSet<String>,
        faults: &mut Vec<String>,
    ) -> BTreeSet<String> {
        let states = &machine["States"];
        let mut done = before.clone();
        let mut flags = BTreeSet::new();
        let mut name = machine["StartAt"].as_str().map(str::to_owned);
        let mut seen = BTreeSet::new();
        while let Some(current) = name {
            if !seen.insert(current.clone()) {
                faults.push(format!("the workflow goes in a circle at {current}"));
                break;
            }
            let state = &states[current.as_str()];
            for handler in ["Retry", "Catch"] {
                for row in state[handler].as_array().into_iter().flatten() {
                    let names = row["ErrorEquals"].as_array().into_iter().flatten();
                    self.errors.extend(names.filter_map(Value::as_str).map(str::to_owned));
                }
            }
            let next = match state["Type"].as_str() {
                Some("Choice") => {
                    // The happy path is the one on which the flag is set.
                    let text = state["Choices"].to_string();
                    flags.extend(text.split("flags.").skip(1).filter_map(|rest| {
                        rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                            .next()
                            .map(str::to_owned)
                    }));
                    // A choice that tests no flag asks for an early end or a shallow run: its default goes on.
                    if text.contains("flags.") {
                        state["Choices"][0]["Next"].as_str()
                    } else {
                        state["Default"].as_str()
                    }
                }
                Some("Parallel") => {
                    let mut after = done.clone();
                    for branch in state["Branches"].as_array().into_iter().flatten() {
                        after.extend(self.machine(branch, &done, faults));
                    }
                    done = after;
                    state["Next"].as_str()
                }
                Some("Map") => {
                    self.depth_of_maps += 1;
                    let flagged_before: BTreeSet<String> = flags.clone();
                    done = self.machine(&state["ItemProcessor"], &done, faults);
                    for (id, place) in &mut self.places {
                        place.flagged |= place.in_map && flagged_before.contains(id);
                    }
                    self.depth_of_maps -= 1;
                    state["Next"].as_str()
                }
                Some("Task") => {
                    if let Some(agent) = state["Parameters"]["MessageBody"]["agent"].as_str() {
                        let place = Place {
                            queue: state["Parameters"]["QueueUrl"].as_str().unwrap_or_default().to_owned(),
                            before: done.clone(),
                            flagged: flags.contains(agent),
                            in_map: self.depth_of_maps > 0,
                        };
                        if self.places.insert(agent.to_owned(), place).is_some() {
                            faults.push(format!("{agent} stands in the workflow twice"));
                        }
                        done.insert(agent.to_owned());
                    }
                    state["Next"].as_str()
                }
                _ => state["Next"].as_str(),
            };
            name = next.map(str::to_owned);
        }
        done
    }
}

#[test]
fn catalogue_and_workflow_agree() {
    let catalogue = boot::load_catalogue().unwrap();
    assert_eq!(catalogue.agents.len(), 26);
    assert_eq!(faults(&catalogue, &asl()), Vec::<String>::new());
}

/// Breaks the catalogue and expects it to be seen.
fn check_catalogue(broken: impl FnOnce(&mut Vec<AgentSpec>), expected: &str) {
    let mut catalogue = boot::load_catalogue().unwrap();
    let mut agents: Vec<AgentSpec> = catalogue.agents.iter().map(|agent| (**agent).clone()).collect();
    broken(&mut agents);
    catalogue.agents = agents.into_iter().map(Into::into).collect();
    let faults = faults(&catalogue, &asl());
    assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
}

/// Breaks the workflow's text and expects it to be seen.
fn check_workflow(from: &str, to: &str, expected: &str) {
    let text = local::workflow::CONTENT_INTELLIGENCE;
    assert!(text.contains(from), "the workflow has no {from}");
    let broken = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
    let faults = faults(&boot::load_catalogue().unwrap(), &broken);
    assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
}

#[test]
fn disagreement_is_seen() {
    let find = |agents: &mut Vec<AgentSpec>, id: &str| {
        agents.iter().position(|agent| agent.id.as_str() == id).unwrap()
    };
    check_catalogue(|agents| agents[5].profile = Profile::Tools, "its profile is tools");
    check_catalogue(|agents| drop(agents.remove(8)), "which is no agent");
    check_catalogue(
        |agents| {
            let last = agents.last().unwrap().id.clone();
            let at = find(agents, "persona_archivist");
            agents[at].uses.push(last);
        },
        "does not come before it",
    );
    check_catalogue(
        |agents| {
            let at = find(agents, "verification_director");
            agents[at].fan_out = None;
        },
        "stands in a Map",
    );
    check_catalogue(|agents| agents[0].dispensable = true, "no plan flag is tested");
    check_workflow(
        "\"agent\": \"persona_archivist\"",
        "\"agent\": \"persona_archivits\"",
        "is in no workflow",
    );
    check_workflow("\"agent\": \"persona_archivist\"", "\"agent\": \"risk_intelligence_analyst\"", "twice");
    check_workflow("${AgentToolsQueueUrl}", "${AgentLightQueueUrl}", "is sent to");
    check_workflow("\"States.ALL\"", "\"States.Everything\"", "nobody raises");
}
