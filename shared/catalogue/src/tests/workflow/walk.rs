//! A walk through the workflow in which every step answers at once: which agents ran, in what order and beside what.
//! It covers what the file uses and refuses the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::agent::{AgentSpec, Catalogue};
use engine::model::Depth;
use serde_json::{Value, json};

/// What a run is to do.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) catalogue: Catalogue,
    pub(super) depth: Depth,
    pub(super) flags: BTreeSet<String>,
    pub(super) claims: usize,
    pub(super) failing: Option<String>,
}

impl Plan {
    pub(super) fn of(catalogue: &Catalogue, depth: Depth) -> Self {
        let in_depth = catalogue.agents.iter().filter(|agent| agent.is_in(depth));
        Self {
            flags: in_depth.map(|agent| agent.id.as_str().to_owned()).collect(),
            catalogue: catalogue.clone(),
            depth,
            claims: depth.max_claims(),
            failing: None,
        }
    }
}

/// Steps in order, and lists of steps side by side.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Step(String),
    Beside(Vec<Vec<Shape>>),
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    pub(super) ran: BTreeSet<String>,
    pub(super) transitions: usize,
    pub(super) shape: Vec<Shape>,
    pub(super) finished: bool,
    /// The variables of choices that were there.
    pub(super) found: BTreeSet<String>,
}

/// Walks the whole workflow.
pub(super) fn walk(workflow: &Value, plan: &Plan) -> Run {
    let input = json!({"run": "r", "tenant": "t", "depth": plan.depth, "timeout_seconds": 60});
    machine(workflow, input, &BTreeSet::new(), plan).0
}

fn machine(machine: &Value, mut data: Value, before: &BTreeSet<String>, plan: &Plan) -> (Run, Value) {
    let mut run = Run { ran: before.clone(), ..Run::default() };
    let mut name = machine["StartAt"].as_str().unwrap();
    loop {
        let state = &machine["States"][name];
        run.transitions += 1;
        let next = match state["Type"].as_str().unwrap() {
            "Choice" => choose(state, &data, &mut run.found),
            "Succeed" => return (run, data),
            "Pass" => {
                data = state["Result"].clone();
                &state["Next"]
            }
            "Task" => task(name, state, &mut data, &mut run, plan),
            "Parallel" => {
                let branches = state["Branches"].as_array().unwrap().iter();
                let walked: Vec<_> =
                    branches.map(|branch| self::machine(branch, data.clone(), &run.ran, plan)).collect();
                let outputs = walked.iter().map(|(_, output)| output.clone()).collect();
                store(state, &mut data, outputs);
                run.shape
                    .push(Shape::Beside(walked.iter().map(|(branch, _)| branch.shape.clone()).collect()));
                for (branch, _) in walked {
                    run.ran.extend(branch.ran);
                    run.found.extend(branch.found);
                    run.transitions += branch.transitions;
                }
                &state["Next"]
            }
            "Map" => {
                let items =
                    at(&data, state["ItemsPath"].as_str().unwrap()).unwrap().as_array().unwrap().len();
                for _ in 0..items {
                    run.transitions +=
                        self::machine(&state["ItemProcessor"], data.clone(), &run.ran, plan).0.transitions;
                }
                let agent = state["ItemProcessor"]["States"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .find(|name| is_agent(name, plan));
                enter(agent.unwrap(), &mut run, plan);
                &state["Next"]
            }
            other => panic!("{name} is a {other}"),
        };
        match next.as_str() {
            Some(next) => name = next,
            None => return (run, data),
        }
    }
}

fn is_agent(name: &str, plan: &Plan) -> bool {
    plan.catalogue.agents.iter().any(|agent| agent.id.as_str() == name)
}

/// Notes that the agent runs; everything planned that it reads must have run.
fn enter(name: &str, run: &mut Run, plan: &Plan) {
    let agent = plan.catalogue.agents.iter().find(|agent| agent.id.as_str() == name).unwrap();
    assert!(plan.flags.contains(name), "{name} runs unplanned");
    for input in agent.inputs().map(|input| input.as_str()).filter(|input| plan.flags.contains(*input)) {
        assert!(run.ran.contains(input), "{name} runs before {input}, which it reads");
    }
    run.ran.insert(name.to_owned());
    run.shape.push(Shape::Step(name.to_owned()));
}

fn task<'a>(name: &str, state: &'a Value, data: &mut Value, run: &mut Run, plan: &Plan) -> &'a Value {
    if name == "finish" {
        run.finished = true;
        return &state["Next"];
    }
    if !run.ran.contains(name) {
        enter(name, run, plan);
    }
    if plan.failing.as_deref() == Some(name) {
        assert_eq!(state["Catch"][0]["ResultPath"], Value::Null);
        return &state["Catch"][0]["Next"];
    }
    store(state, data, answer(name, plan));
    &state["Next"]
}

/// What the engine tells the workflow of the agent's result.
fn answer(name: &str, plan: &Plan) -> Value {
    let claims: Vec<Value> = (1..=plan.claims).map(|number| json!({"id": format!("c{number}")})).collect();
    let is_left_out = |agent: &&Arc<AgentSpec>| !plan.flags.contains(agent.id.as_str());
    let left_out = plan.catalogue.agents.iter().filter(is_left_out);
    let skip: Vec<Value> = left_out.map(|agent| json!({"agent": agent.id})).collect();
    let meta =
        json!({"run": "r", "agent": name, "item": "-", "attempt": 1, "basis": {"kind": "deterministic"}});
    let data = json!({"skip": skip, "claims": claims});
    let result = json!({"version": 2, "status": "ok", "data": data, "meta": meta});
    let run = json!({
        "key": {"tenant": "t", "run": "r"}, "workspace": "w", "depth": plan.depth, "use_cache": true,
        "source": {"name": "n", "media_type": "text/plain", "bytes": 1, "content": "c"},
        "catalogue_version": "v", "created_ms": 0, "deadline_ms": 1, "status": "running", "cancel_requested": false,
        "failure": null, "finished_ms": null, "cost": 0, "saved": 0,
    });
    let spec = plan.catalogue.agents.iter().find(|agent| agent.id.as_str() == name).unwrap();
    let read = (serde_json::from_value(run).unwrap(), serde_json::from_value(result).unwrap());
    engine::token_output(&plan.catalogue, spec, &read.0, &read.1)
}

/// Applies `ResultSelector` and `ResultPath`.
fn store(state: &Value, data: &mut Value, result: Value) {
    let result = match state.get("ResultSelector").and_then(Value::as_object) {
        None => result,
        Some(fields) => fields
            .iter()
            .map(|(name, value)| match name.strip_suffix(".$") {
                Some(name) => (name.to_owned(), at(&result, value.as_str().unwrap()).unwrap().clone()),
                None => (name.clone(), value.clone()),
            })
            .collect(),
    };
    match state.get("ResultPath") {
        None => *data = result,
        Some(Value::Null) => {}
        Some(path) => data[path.as_str().unwrap().strip_prefix("$.").unwrap()] = result,
    }
}

fn choose<'a>(state: &'a Value, data: &Value, found: &mut BTreeSet<String>) -> &'a Value {
    let rules = state["Choices"].as_array().unwrap();
    let variables = rules.iter().flat_map(|rule| rule["And"].as_array().into_iter().flatten().chain([rule]));
    let variables = variables.filter_map(|rule| rule["Variable"].as_str());
    found.extend(variables.filter(|variable| at(data, variable).is_some()).map(str::to_owned));
    rules.iter().find(|rule| holds(rule, data)).map_or(&state["Default"], |rule| &rule["Next"])
}

fn holds(rule: &Value, data: &Value) -> bool {
    if let Some(rules) = rule["And"].as_array() {
        return rules.iter().all(|rule| holds(rule, data));
    }
    let value = at(data, rule["Variable"].as_str().unwrap());
    if let Some(present) = rule["IsPresent"].as_bool() {
        return value.is_some() == present;
    }
    let expected =
        rule.get("BooleanEquals").or(rule.get("StringEquals")).expect("a comparison the file uses");
    value.expect("a value that is there is compared") == expected
}

/// The value at a path such as `$.a.b` or `$[1].c`.
fn at<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    data.pointer(&path.strip_prefix('$').unwrap().replace(['.', '['], "/").replace(']', ""))
}
