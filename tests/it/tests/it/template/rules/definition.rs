//! The state machine's definition. No rule here looks at a template.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use engine::agent::Catalogue;
use serde_json::{Value, json};

use super::super::bundle::Bundle;
use super::super::faults::{Faults, Rule};
use super::states::{self, Machine, State};
use crate::agreement;

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the catalogue and the workflow describe the same", look: agreed },
    Rule { name: "the walker of this machine takes the workflow", look: walkable },
    Rule { name: "the workflow speaks JSONPath and begins with the plan", look: head },
    Rule { name: "the workflow ends soon after the longest deadline", look: deadline },
    Rule { name: "every state is reached and every way leads to a state", look: reachable },
    Rule { name: "a state is of a kind that the walker knows and holds nothing unknown", look: closed },
    Rule { name: "a step is a message that waits for its token", look: tasks },
    Rule { name: "a step's message is fair to tenants", look: fairness },
    Rule { name: "a step's message carries ids and its token, no content", look: messages },
    Rule { name: "a step that is never reported ends with its run's time", look: timeouts },
    Rule { name: "sending is repeated with full jitter, and nothing else is repeated", look: retries },
    Rule { name: "a step that fails leaves a gap and the run goes on", look: catches },
    Rule { name: "what comes back of steps is what later states read, and no more", look: results },
    Rule { name: "an agent is asked for only if its flag is set", look: flags },
    Rule { name: "a run whose content is of no use ends early, a quick one too", look: ways_out },
    Rule { name: "a branch says whether the run can go on", look: passes },
    Rule { name: "claims are checked side by side, within what AWS allows", look: claims },
    Rule { name: "branches hand on no more than that", look: branches },
    Rule { name: "of what is done side by side the longest way is first", look: longest_first },
    Rule { name: "the last state sends the finish", look: finish },
];

/// The catalogue, read once.
fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| boot::load_catalogue().unwrap())
}

fn agreed(bundle: &Bundle, faults: &mut Faults) {
    faults.0.extend(agreement::faults(catalogue(), bundle.workflow()));
}

fn walkable(bundle: &Bundle, faults: &mut Faults) {
    if let Err(error) = local::workflow::machine(&bundle.workflow().to_string()) {
        faults.unless(false, error);
    }
}

fn head(bundle: &Bundle, faults: &mut Faults) {
    let definition = bundle.workflow();
    faults.equal("it speaks", definition["QueryLanguage"].as_str(), Some("JSONPath"));
    faults.equal("it begins", definition["StartAt"].as_str(), Some("mission_orchestrator"));
}

fn deadline(bundle: &Bundle, faults: &mut Faults) {
    let seconds = bundle.workflow()["TimeoutSeconds"].as_u64().unwrap_or_default();
    let longest_s = engine::model::Depth::ALL.iter().map(|depth| depth.deadline_ms() / 1_000).max().unwrap();
    let fits = (longest_s + 60..=longest_s + 600).contains(&seconds);
    faults.unless(fits, format!("it ends after {seconds} s, the longest deadline is {longest_s} s"));
}

fn reachable(bundle: &Bundle, faults: &mut Faults) {
    states::walk(bundle.workflow(), &mut |machine| {
        let all: BTreeSet<&str> = machine.states().map(|state| state.name).collect();
        let mut reached = BTreeSet::new();
        let mut open = vec![machine.start.unwrap_or("nowhere")];
        while let Some(name) = open.pop() {
            let Some(state) = machine.state(name) else {
                faults.unless(false, format!("there is no {name}"));
                continue;
            };
            if reached.insert(state.name) {
                open.extend(state.ways());
            }
        }
        faults.same("a machine", reached, all);
        // The end of a way is said once: a state ends, goes on, or chooses.
        for state in machine.states() {
            let ends = [
                state.body["End"] == true,
                state.kind() == "Succeed",
                !state.body["Next"].is_null(),
                state.kind() == "Choice",
            ];
            faults.equal(state.name, ends.iter().filter(|end| **end).count(), 1);
        }
    });
}

fn closed(bundle: &Bundle, faults: &mut Faults) {
    states::each(bundle.workflow(), &mut |state| {
        let known: &[&str] = match state.kind() {
            "Task" => &[
                "Type",
                "Comment",
                "Resource",
                "Parameters",
                "TimeoutSeconds",
                "TimeoutSecondsPath",
                "ResultPath",
                "Retry",
                "Catch",
                "Next",
                "End",
            ],
            "Choice" => &["Type", "Comment", "Choices", "Default"],
            "Parallel" => &["Type", "Comment", "Branches", "ResultSelector", "ResultPath", "Next", "End"],
            "Map" => &[
                "Type",
                "Comment",
                "ItemsPath",
                "ItemSelector",
                "ItemProcessor",
                "ResultPath",
                "Next",
                "End",
            ],
            "Pass" => &["Type", "Comment", "Result", "End"],
            "Succeed" => &["Type", "Comment"],
            _ => &[],
        };
        faults.unless(!known.is_empty(), format!("{} is a {}", state.name, state.kind()));
        for (key, _) in state.body.as_object().into_iter().flatten() {
            faults.unless(known.contains(&key.as_str()), format!("{} has {key}", state.name));
        }
    });
}

/// Every state that is an agent's step, with the agent's id.
fn steps(bundle: &Bundle, look: &mut dyn FnMut(State<'_>, &str)) {
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Task"
            && let Some(agent) = state.body["Parameters"]["MessageBody"]["agent"].as_str()
        {
            look(state, agent);
        }
    });
}

fn tasks(bundle: &Bundle, faults: &mut Faults) {
    let mut count = 0;
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Task" {
            let expected = match state.name {
                "finish" => "arn:aws:states:::sqs:sendMessage",
                _ => "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            };
            count += 1;
            faults.equal(state.name, state.body["Resource"].as_str(), Some(expected));
        }
    });
    faults.equal("tasks", count, catalogue().agents.len() + 1);
}

fn fairness(bundle: &Bundle, faults: &mut Faults) {
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Task" {
            let group = state.body["Parameters"]["MessageGroupId.$"].as_str();
            faults.equal(state.name, group, Some("$.tenant"));
            let keys =
                state.body["Parameters"].as_object().into_iter().flatten().map(|(key, _)| key.as_str());
            faults.same(state.name, keys, ["QueueUrl", "MessageGroupId.$", "MessageBody"]);
        }
    });
}

fn messages(bundle: &Bundle, faults: &mut Faults) {
    steps(bundle, &mut |state, agent| {
        let mut body = state.body["Parameters"]["MessageBody"].clone();
        let item = if agent == "verification_director" { ("item.$", "$.claim") } else { ("item", "-") };
        faults.equal(state.name, body[item.0].as_str(), Some(item.1));
        if let Some(body) = body.as_object_mut() {
            body.remove(item.0);
        }
        let expected = json!({
            "kind": "step", "run.$": "$.run", "tenant.$": "$.tenant", "agent": agent, "hop": 0, "task_token.$": "$$.Task.Token",
        });
        faults.equal(format!("the message of {}", state.name), body, expected);
        faults.equal("its agent", agent, state.name);
    });
}

fn timeouts(bundle: &Bundle, faults: &mut Faults) {
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Task" {
            let by_path = state.body["TimeoutSecondsPath"].as_str();
            let seconds = state.body["TimeoutSeconds"].as_u64();
            let expected =
                if state.name == "finish" { (None, Some(60)) } else { (Some("$.timeout_seconds"), None) };
            faults.equal(state.name, (by_path, seconds), expected);
        }
    });
}

fn retries(bundle: &Bundle, faults: &mut Faults) {
    states::each(bundle.workflow(), &mut |state| {
        let mut retry = state.body["Retry"].clone();
        if state.kind() != "Task" {
            return faults.unless(retry.is_null(), format!("{} is repeated", state.name));
        }
        let errors = retry[0]["ErrorEquals"].as_array().cloned().unwrap_or_default();
        let errors = errors.iter().map(|error| error.as_str().unwrap_or("?"));
        faults.same(state.name, errors, ["SQS.SdkClientException", "SQS.AmazonSQSException"]);
        if let Some(first) = retry.get_mut(0).and_then(Value::as_object_mut) {
            first.remove("ErrorEquals");
        }
        let expected =
            json!([{"IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 4, "JitterStrategy": "FULL"}]);
        faults.equal(state.name, retry, expected);
    });
}

/// Where the run goes on if an agent that nobody asks a flag for fails.
const WITHOUT: [(&str, &str); 5] = [
    ("mission_orchestrator", "finish"),
    ("acquisition_specialist", "finish"),
    ("transcription_engineer", "without a transcript"),
    ("analysis_cartographer", "without a map"),
    ("intelligence_briefing_curator", "finish"),
];

fn catches(bundle: &Bundle, faults: &mut Faults) {
    states::walk(bundle.workflow(), &mut |machine| {
        for state in
            machine.states().filter(|state| !state.body["Parameters"]["MessageBody"]["agent"].is_null())
        {
            // A step that fails goes where it would have gone unasked.
            let choice = machine.state(&format!("wants {}", state.name));
            let without = WITHOUT.iter().find(|(name, _)| *name == state.name).map(|(_, next)| *next);
            let next = match choice {
                Some(choice) => choice.body["Default"].as_str(),
                None => without.or(Some("without a verdict")),
            };
            let expected = json!([{"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": next}]);
            faults.equal(state.name, &state.body["Catch"], &expected);
        }
    });
}

fn results(bundle: &Bundle, faults: &mut Faults) {
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Task" {
            let expected = match state.name {
                "mission_orchestrator" => json!("$.plan"),
                "analysis_cartographer" => json!("$.map"),
                _ => Value::Null,
            };
            faults.unless(
                state.body.get("ResultPath").is_some(),
                format!("{} replaces what is known", state.name),
            );
            faults.equal(state.name, &state.body["ResultPath"], &expected);
        }
    });
}

fn flags(bundle: &Bundle, faults: &mut Faults) {
    states::each(bundle.workflow(), &mut |state| {
        let Some(agent) = state.name.strip_prefix("wants ") else { return };
        let variable = format!("$.plan.flags.{agent}");
        let next = if agent == "verification_director" { "each claim" } else { agent };
        let mut tests = vec![
            json!({"Variable": variable, "IsPresent": true}),
            json!({"Variable": variable, "BooleanEquals": true}),
        ];
        if agent == "verification_director" {
            tests.push(json!({"Variable": "$.map.claims", "IsPresent": true}));
        }
        faults.equal(state.name, &state.body["Choices"], &json!([{"And": tests, "Next": next}]));
        let default = state.body["Default"].as_str();
        faults.unless(
            default.is_some_and(|default| default != next),
            format!("{} asks for nothing", state.name),
        );
    });
}

/// Choices that ask for no flag: what they ask and where they go if it is so, and if not.
fn ways_out(bundle: &Bundle, faults: &mut Faults) {
    let quick = |next: &str| json!([{"Variable": "$.depth", "StringEquals": "quick", "Next": next}]);
    let expected = [
        ("is more than a map wanted", quick("only a map"), "examine"),
        (
            "is there a map",
            json!([{"Variable": "$.read.stop", "BooleanEquals": true, "Next": "finish"}]),
            "intelligence_briefing_curator",
        ),
        ("is more than a briefing wanted", quick("finish"), "pass on and remember"),
    ];
    let mut seen = Vec::new();
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Choice" && !state.name.starts_with("wants ") {
            seen.push(state.name);
            let Some((_, choices, default)) = expected.iter().find(|(name, ..)| *name == state.name) else {
                return;
            };
            faults.equal(state.name, &state.body["Choices"], choices);
            faults.equal(state.name, state.body["Default"].as_str(), Some(*default));
        }
    });
    faults.same("the workflow", seen, expected.map(|(name, ..)| name));
}

fn claims(bundle: &Bundle, faults: &mut Faults) {
    let mut maps = 0;
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Map" {
            maps += 1;
            let given = json!({
                "run.$": "$.run", "tenant.$": "$.tenant", "timeout_seconds.$": "$.timeout_seconds", "claim.$": "$$.Map.Item.Value",
            });
            faults.equal(state.name, &state.body["ItemSelector"], &given);
            faults.equal(state.name, state.body["ItemsPath"].as_str(), Some("$.map.claims"));
            faults.equal(
                state.name,
                &state.body["ItemProcessor"]["ProcessorConfig"],
                &json!({"Mode": "INLINE"}),
            );
        }
    });
    faults.equal("maps", maps, 1);
    // AWS runs forty items of an inline map at once; more would wait, and the deadline with them.
    let most = engine::model::Depth::ALL.iter().map(|depth| depth.max_claims()).max().unwrap();
    faults.unless(most <= 40, format!("{most} claims at once"));
}

/// Branches work on rows. All they hand on is whether the run can go on, and where a state ends nothing is left to say.
fn branches(bundle: &Bundle, faults: &mut Faults) {
    let first_says = json!({"stop.$": "$[0].stop"});
    states::each(bundle.workflow(), &mut |state| {
        if !matches!(state.kind(), "Parallel" | "Map") {
            return;
        }
        let handed_on = (state.body.get("ResultSelector"), state.body.get("ResultPath"));
        let (read, nothing) = (json!("$.read"), Value::Null);
        let stop = json!({"stop": false});
        let expected = match state.name {
            "look and read" => (Some(&first_says), Some(&read)),
            "hear and map" => (Some(&first_says), None),
            "examine" => (Some(&stop), None),
            _ => (None, Some(&nothing)),
        };
        faults.equal(state.name, handed_on, expected);
        if expected.0 == Some(&first_says) {
            let start = state.machines().first().and_then(|machine| machine.start);
            let speaks = if state.name == "look and read" {
                "transcription_engineer"
            } else {
                "analysis_cartographer"
            };
            faults.equal(format!("the first branch of {}", state.name), start, Some(speaks));
        }
    });
}

/// In one process messages are handled in the order of the branches that send them, so who is waited for longest is sent first.
fn longest_first(bundle: &Bundle, faults: &mut Faults) {
    states::each(bundle.workflow(), &mut |state| {
        let ways: Vec<usize> = state.machines().iter().map(Machine::longest_way).collect();
        faults.unless(ways.is_sorted_by(|one, next| one >= next), format!("{}: {ways:?}", state.name));
    });
}

/// A branch that gives up says so; one that has enough says that the run goes on.
fn passes(bundle: &Bundle, faults: &mut Faults) {
    let expected = [("without a transcript", true), ("without a map", true), ("only a map", false)];
    let mut seen = Vec::new();
    states::each(bundle.workflow(), &mut |state| {
        if state.kind() == "Pass" {
            seen.push(state.name);
            let stop = expected.iter().find(|(name, _)| *name == state.name).map(|(_, stop)| *stop);
            faults.equal(state.name, state.body["Result"].clone(), json!({"stop": stop}));
            faults.equal(state.name, state.body["End"].as_bool(), Some(true));
            faults.equal(state.name, state.body.get("ResultPath"), None);
        }
    });
    faults.same("the workflow", seen, expected.map(|(name, _)| name));
}

fn finish(bundle: &Bundle, faults: &mut Faults) {
    let state = &bundle.workflow()["States"]["finish"];
    let expected = json!({
        "QueueUrl": "${DeliveriesQueueUrl}", "MessageGroupId.$": "$.tenant",
        "MessageBody": {"kind": "finish", "run.$": "$.run", "tenant.$": "$.tenant"},
    });
    faults.equal("its message", &state["Parameters"], &expected);
    faults.equal("what follows", state["Next"].as_str(), Some("finished"));
}
