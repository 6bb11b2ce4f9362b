//! The workflow and the catalogue describe one system: every agent is there once, on its profile's queue, after all
//! it reads; the shape is nearly as fast as the dependencies allow.

mod makespan;
mod walk;

use std::collections::BTreeSet;

use engine::agent::{AgentSpec, Profile};
use engine::model::Depth;
use serde_json::{Value, json};

use self::walk::{Plan, walk};
use super::embedded;

const WORKFLOW: &str = include_str!("../../../../infra/workflows/content-intelligence.asl.json");
const STATE_TYPES: [&str; 8] = ["Task", "Choice", "Parallel", "Map", "Pass", "Wait", "Succeed", "Fail"];
const SEND_ERRORS: [&str; 2] = ["SQS.SdkClientException", "SQS.AmazonSQSException"];

fn workflow() -> Value {
    serde_json::from_str(WORKFLOW).unwrap()
}

/// All states with their names and the names of their neighbours.
fn states(machine: &Value) -> Vec<(String, Value, BTreeSet<String>)> {
    let here = machine["States"].as_object().unwrap();
    let names: BTreeSet<String> = here.keys().cloned().collect();
    let mut found = Vec::new();
    for (name, state) in here {
        found.push((name.clone(), state.clone(), names.clone()));
        for branch in state["Branches"].as_array().into_iter().flatten().chain(state.get("ItemProcessor")) {
            found.extend(states(branch));
        }
    }
    found
}

fn queue(agent: &AgentSpec) -> &'static str {
    match agent.profile {
        Profile::Light => "${AgentLightQueueUrl}",
        Profile::Tools => "${AgentToolsQueueUrl}",
        Profile::Semantic => "${AgentSemanticQueueUrl}",
    }
}

#[test]
fn every_agent_is_one_state_on_its_queue() {
    let states = states(&workflow());
    let tasks: Vec<&String> =
        states.iter().filter(|(_, state, _)| state["Type"] == "Task").map(|(name, ..)| name).collect();
    assert_eq!(tasks.len(), 27, "26 agents and the finish");
    for agent in &embedded().agents {
        let (_, state, _) = states.iter().find(|(name, ..)| name == agent.id.as_str()).unwrap();
        assert_eq!(state["Resource"], "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "{}", agent.id);
        let item = if agent.fan_out.is_some() { ("item.$", "$.claim") } else { ("item", "-") };
        let parameters = json!({
            "QueueUrl": queue(agent),
            "MessageGroupId.$": "$.tenant",
            "MessageBody": {
                "kind": "step", "run.$": "$.run", "tenant.$": "$.tenant", "agent": agent.id,
                item.0: item.1, "hop": 0, "task_token.$": "$$.Task.Token",
            },
        });
        assert_eq!(state["Parameters"], parameters, "{}", agent.id);
        assert_eq!(state["TimeoutSecondsPath"], "$.timeout_seconds", "{}", agent.id);
        assert!(
            state.get("HeartbeatSeconds").is_none(),
            "{}: its clock would run while a message waits",
            agent.id
        );
        assert_eq!(state["Retry"][0]["ErrorEquals"], json!(SEND_ERRORS), "{}", agent.id);
        assert_eq!(state["Retry"][0]["JitterStrategy"], "FULL", "{}", agent.id);
        assert_eq!(state["Retry"].as_array().unwrap().len(), 1, "{}: only the engine retries", agent.id);
        assert_eq!(state["Catch"][0]["ErrorEquals"], json!(["States.ALL"]), "{}", agent.id);
    }
}

#[test]
fn states_are_plain_and_lead_somewhere() {
    let workflow = workflow();
    let states = states(&workflow);
    let names: BTreeSet<&String> = states.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), states.len(), "names are unique in the whole workflow");
    for (name, state, neighbours) in &states {
        assert!(STATE_TYPES.contains(&state["Type"].as_str().unwrap()), "{name}");
        assert!(name.len() <= 80, "{name}");
        let caught = state["Catch"].as_array().into_iter().flatten();
        let chosen = state["Choices"].as_array().into_iter().flatten();
        let targets = caught
            .chain(chosen)
            .map(|entry| &entry["Next"])
            .chain(state.get("Next"))
            .chain(state.get("Default"));
        for target in targets {
            assert!(neighbours.contains(target.as_str().unwrap()), "{name} leads to {target}");
        }
        let ends = state["Type"] == "Succeed" || state["End"] == true || state["Type"] == "Choice";
        assert!(ends != state.get("Next").is_some(), "{name} either ends or goes on");
    }
    assert_eq!(workflow["TimeoutSeconds"], 3900);
}

#[test]
fn each_depth_runs_its_agents_after_all_they_read() {
    let catalogue = embedded();
    for depth in Depth::ALL {
        let plan = Plan::of(&catalogue, depth);
        let run = walk(&workflow(), &plan);
        let planned: BTreeSet<String> = plan.flags.iter().cloned().collect();
        assert_eq!(run.ran, planned, "{}", depth.name());
        assert!(run.finished);
    }
}

#[test]
fn any_single_agent_may_be_left_out_of_the_plan() {
    let catalogue = embedded();
    for agent in catalogue.agents.iter().filter(|agent| agent.dispensable) {
        let mut plan = Plan::of(&catalogue, Depth::Comprehensive);
        plan.flags.remove(agent.id.as_str());
        let run = walk(&workflow(), &plan);
        assert_eq!(run.ran, plan.flags, "without {}", agent.id);
    }
}

#[test]
fn a_failing_agent_leaves_a_gap_or_ends_the_run() {
    let catalogue = embedded();
    let curator = "intelligence_briefing_curator";
    for agent in &catalogue.agents {
        let mut plan = Plan::of(&catalogue, Depth::Comprehensive);
        plan.failing = Some(agent.id.as_str().to_owned());
        let run = walk(&workflow(), &plan);
        assert!(run.finished, "{} fails and nobody finishes the run", agent.id);
        if agent.dispensable {
            assert_eq!(run.ran, plan.flags, "{} fails and takes others with it", agent.id);
        } else {
            let briefed = agent.id.as_str() != curator && run.ran.contains(curator);
            assert!(
                !briefed && !run.ran.contains("community_liaison"),
                "{} fails and the run goes on",
                agent.id
            );
        }
    }
}

/// A step whose content is unusable fails.
#[test]
fn unusable_content_ends_the_run_early() {
    let catalogue = embedded();
    for (agent, most) in
        [("acquisition_specialist", 2), ("transcription_engineer", 4), ("analysis_cartographer", 6)]
    {
        let mut plan = Plan::of(&catalogue, Depth::Comprehensive);
        plan.failing = Some(agent.to_owned());
        let run = walk(&workflow(), &plan);
        assert!(run.finished && run.ran.len() <= most, "{agent}: {:?}", run.ran);
    }
}

#[test]
fn what_a_choice_asks_for_is_sent_by_somebody() {
    let asked: BTreeSet<String> = states(&workflow())
        .iter()
        .flat_map(|(_, state, _)| state["Choices"].as_array().cloned().unwrap_or_default())
        .flat_map(|rule| rule["And"].as_array().cloned().unwrap_or_else(|| vec![rule]))
        .map(|rule| rule["Variable"].as_str().unwrap().to_owned())
        .collect();
    let catalogue = embedded();
    let mut found = BTreeSet::new();
    for depth in Depth::ALL {
        found.extend(walk(&workflow(), &Plan::of(&catalogue, depth)).found);
    }
    assert_eq!(found, asked);
}

#[test]
fn transitions_stay_few() {
    let catalogue = embedded();
    let of = |depth, claims| {
        let plan = Plan { claims, ..Plan::of(&catalogue, depth) };
        walk(&workflow(), &plan).transitions
    };
    assert_eq!(of(Depth::Quick, 0), 17);
    assert_eq!(of(Depth::Comprehensive, 0), 60, "at most 70");
    assert_eq!(of(Depth::Comprehensive, 25), 60 + 25, "one more per claim");
}
