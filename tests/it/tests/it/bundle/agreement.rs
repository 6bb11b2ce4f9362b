//! The walker on one machine and the state machine on the emulator come to the same results.

use std::collections::BTreeMap;
use std::path::Path;

use engine::model::{RunId, RunStatus, StepResult};
use lab::scripted::ScriptedServer;
use serde_json::{Value, json};

use super::{Bundle, script};
use crate::assay::{assay, json as report, run, sample, stored};

/// A step's result without what differs from run to run: ids and times.
fn lasting(run: &RunId, result: &StepResult) -> Value {
    let text = serde_json::to_string(result).unwrap().replace(run.as_str(), "RUN");
    let mut value: Value = serde_json::from_str(&text).unwrap();
    strip(&mut value);
    // What a step was given holds the ids and times of the steps before it; each run is a trace of its own.
    for name in ["input_digest", "trace_id"] {
        value["meta"].as_object_mut().unwrap().remove(name);
    }
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("_ms"));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The results of one comprehensive run by the command line.
fn walked() -> BTreeMap<String, Value> {
    let server = ScriptedServer::start(script()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (path, state) = (sample("flood-budget.vtt"), folder.path().join("state"));
    let (path, state) = (path.to_str().unwrap(), state.to_str().unwrap());
    let mut command =
        assay(&["run", path, "--depth", "comprehensive", "--fresh", "--json", "--state", state]);
    command.env("LLM_BASE_URL", server.url()).env("LLM_MODEL", "scripted").env("LLM_PRICE", "0.15/0.60");
    let report = report(&run(&mut command));
    assert_eq!(report["status"], "complete", "{:#}", report["failure"]);
    let run = RunId::new(report["run_id"].as_str().unwrap());
    let results = stored(Path::new(state), &run);
    results.into_iter().map(|(name, result)| (name, lasting(&run, &result))).collect()
}

#[test]
fn the_walker_and_the_emulator_come_to_the_same_results() {
    let bundle = Bundle::start("it-agreement", script());
    let run = bundle.post("comprehensive");
    let ended = bundle.wait(&run);
    assert_eq!(ended.run.status, RunStatus::Complete, "{:?}", ended.run.failure);
    let emulated: BTreeMap<String, Value> = ended
        .steps
        .iter()
        .map(|(key, result)| (format!("{}/{}", key.agent, key.item), lasting(&run, result)))
        .collect();
    let walked = walked();
    assert!(walked.len() > 26, "{}", walked.len());
    assert_eq!(walked.keys().collect::<Vec<_>>(), emulated.keys().collect::<Vec<_>>());
    for (name, result) in &walked {
        // Times are its subject: which step took how long, and which had ended by then.
        if name == "system_reliability_officer/-" {
            assert_eq!(result["status"], emulated[name]["status"]);
            continue;
        }
        assert_eq!(result, &emulated[name], "{name}");
    }

    // The first act of an agent's function is to hold its message, whatever it does then.
    let agents = bundle
        .stack
        .calls()
        .into_iter()
        .filter(|call| call.function.as_deref().is_some_and(|function| function.starts_with("agent-")));
    let first = agents.min_by_key(|call| call.at_ms).unwrap();
    assert_eq!(first.action, "ChangeMessageVisibility", "{first:?}");

    // Twenty at once: all end, each by itself.
    let runs: Vec<RunId> = (0..20).map(|_| bundle.post("standard")).collect();
    for run in &runs {
        let ended = bundle.wait(run);
        assert_eq!(ended.run.status, RunStatus::Complete, "{:?}", ended.run.failure);
    }
    let posts = |run: &RunId| {
        let events = bundle.events(run);
        events.iter().filter(|event| json!(event)["event"] == "delivered").count()
    };
    super::until("every briefing is posted", || runs.iter().all(|run| posts(run) == 1));
    for queue in ["runs", "agent-light", "agent-tools", "agent-semantic", "deliveries"] {
        super::until("the queue is empty", || bundle.stack.queue_depth(queue).unwrap().all() == 0);
    }
    assert_eq!(bundle.stack.queue_depth("dead-letters").unwrap().all(), 0);
    assert_eq!(bundle.stack.queue_depth("parked").unwrap().all(), 0);
}
