//! Every agent at work: a comprehensive run against the scripted provider, counted from the results and the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use engine::model::{ChargeState, StepResult};
use engine::ports::Row;
use lab::scripted::{Fault, Script, ScriptedServer};
use lab::sim::{Ended, Plan, simulate};
use serde_json::Value;

use crate::assay::{assay, json, run, sample};

/// Who is asked for advice only by a run that has something to mend, which none of these has.
const ADVISER: &str = "system_reliability_officer";

fn comprehensive() -> &'static (Ended, BTreeMap<String, Vec<StepResult>>) {
    static RUN: OnceLock<(Ended, BTreeMap<String, Vec<StepResult>>)> = OnceLock::new();
    RUN.get_or_init(|| {
        let ended = simulate(&Plan::calm(1));
        assert_eq!(ended.violations, []);
        let mut results: BTreeMap<String, Vec<StepResult>> = BTreeMap::new();
        for result in ended.results() {
            results.entry(result.meta.agent.as_str().to_owned()).or_default().push(result);
        }
        (ended, results)
    })
}

#[test]
fn all_26_agents_are_executed_and_paid_for() {
    let (ended, results) = comprehensive();
    let catalogue = boot::load_catalogue().unwrap();
    for agent in &catalogue.agents {
        let of_agent =
            results.get(agent.id.as_str()).unwrap_or_else(|| panic!("{} left no result", agent.id));
        for result in of_agent {
            assert!(result.ok().is_some(), "{}/{}: {:?}", agent.id, result.meta.item, result.reason());
        }
    }
    let charged: BTreeSet<String> = ended
        .store
        .all_rows()
        .into_iter()
        .filter_map(|(_, row)| match row {
            Row::Charge(charge) if charge.state == ChargeState::Settled => {
                Some(charge.call.step.agent.as_str().to_owned())
            }
            _ => None,
        })
        .collect();
    let all = catalogue.agents.iter().map(|agent| agent.id.as_str().to_owned());
    assert_eq!(charged, all.filter(|agent| agent != ADVISER).collect());
    assert_eq!(results[ADVISER][0].meta.basis.name(), "deterministic");
    assert!(results["verification_director"].len() >= 3, "claims are checked one by one");
}

/// What the command line reports of a comprehensive run against this server.
fn report_of(server: &ScriptedServer, protocol: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (path, state) = (sample("flood-budget.vtt"), folder.path().join("state"));
    let (path, state) = (path.to_str().unwrap(), state.to_str().unwrap());
    let mut command = assay(&["run", path, "--depth", "comprehensive", "--json", "--state", state]);
    command.env("LLM_BASE_URL", server.url()).env("LLM_PROTOCOL", protocol);
    command.env("LLM_MODEL", "scripted").env("LLM_PRICE", "0.15/0.60");
    json(&run(&mut command))
}

/// The same over the other protocol, by the command line: each agent is asked, answers, and its answer stands.
#[test]
fn all_agents_work_over_anthropics_protocol() {
    let server = ScriptedServer::start(Script::new(Vec::new())).unwrap();
    let report = report_of(&server, "anthropic");
    assert_eq!(report["status"], "complete", "{:#}", report["failure"]);
    let steps = report["steps"].as_array().unwrap();
    for step in steps {
        let basis = if step["agent"] == ADVISER { "deterministic" } else { "model" };
        assert_eq!((&step["status"], &step["basis"]), (&"ok".into(), &basis.into()), "{step:#}");
    }
    let asked: BTreeSet<String> = server.bill().calls_by_agent().into_keys().collect();
    let agents = boot::load_catalogue().unwrap().agents;
    let all = agents.iter().map(|agent| agent.id.as_str().to_owned());
    assert_eq!(asked, all.filter(|agent| agent != ADVISER).collect::<BTreeSet<_>>());
    let outcomes: BTreeSet<String> = server.bill().lines().into_iter().map(|line| line.outcome).collect();
    assert_eq!(outcomes, ["answer", "tools"].map(str::to_owned).into(), "tools are used too");
}

/// With a step that declines there is something to mend, and all 26 are asked and paid for.
#[test]
fn the_adviser_is_asked_where_something_is_to_mend() {
    const DECLINES: &str = "research_synthesist";
    let script =
        Script::new(Vec::new()).with_faults(|call| (call.agent == DECLINES).then_some(Fault::Refusal));
    let server = ScriptedServer::start(script).unwrap();
    let report = report_of(&server, "openai");
    let steps = report["steps"].as_array().unwrap();
    let of_adviser = steps.iter().find(|step| step["agent"] == ADVISER).unwrap();
    assert_eq!(
        (&of_adviser["status"], &of_adviser["basis"]),
        (&"ok".into(), &"model".into()),
        "{of_adviser:#}"
    );
    let paid = |step: &&Value| step["cost_nano_usd"].as_i64().is_some_and(|cost| cost > 0);
    let paid: BTreeSet<&str> = steps.iter().filter(paid).filter_map(|step| step["agent"].as_str()).collect();
    assert_eq!(paid.len(), 26, "{paid:?}");
}

/// One fact only that agent can produce, as a pointer into its data and what must be there.
fn check(agent: &str, pointer: &str, holds: impl Fn(&Value) -> bool) {
    let (_, results) = comprehensive();
    let data = results[agent][0].ok().unwrap();
    let value = data.pointer(pointer).unwrap_or_else(|| panic!("{agent} has no {pointer}: {data:#}"));
    assert!(holds(value), "{agent}{pointer}: {value:#}");
}

fn has_items(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty())
}

fn mentions(word: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value.to_string().contains(word)
}

#[test]
fn each_agent_adds_what_only_it_can() {
    check("mission_orchestrator", "/agents", |agents| {
        let shares: f64 =
            agents.as_array().unwrap().iter().map(|row| row["budget_share"].as_f64().unwrap()).sum();
        (shares - 1.0).abs() < 1e-6
    });
    check("acquisition_specialist", "/rung", |rung| rung == "captions");
    check("transcription_engineer", "/speakers", |speakers| speakers.as_array().unwrap().len() == 2);
    check("analysis_cartographer", "/claims", mentions("4.2 million"));
    check("verification_director", "/verdict", |verdict| verdict != "not_checked");
    check("risk_intelligence_analyst", "/verdicts", |verdicts| {
        verdicts.as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>() >= 3
    });
    check("persona_archivist", "/people", mentions("Tom Birch"));
    check("knowledge_integrator", "/record/claims", has_items);
    check("signal_recon_specialist", "/searched", mentions("memory"));
    check("trend_intelligence_scout", "/suggestions", has_items);
    check("research_synthesist", "/open_questions", has_items);
    check("intelligence_briefing_curator", "/claims", |claims| {
        claims.as_array().unwrap().iter().any(|claim| claim["verdict"].is_string())
    });
    check("argument_strategist", "/positions/0/steelman", has_items);
    check("system_reliability_officer", "/cost_nano_usd", |cost| cost.as_i64().is_some_and(|cost| cost > 0));
    check("community_liaison", "/posts", has_items);
    check("personality_synthesis_manager", "/voice", Value::is_string);
    check("visual_intelligence_specialist", "/references", mentions("chart"));
    check("audio_intelligence_specialist", "/longest_turn", Value::is_object);
    check("trend_intelligence_specialist", "/unknown", has_items);
    check("content_generation_specialist", "/adaptations", has_items);
    check("cross_platform_intelligence_specialist", "/spread", Value::is_array);
    check("network_discovery_specialist", "/edges", has_items);
    check("deep_content_analyst", "/structure", has_items);
    check("guest_intelligence_specialist", "/guests", Value::is_array);
    check("controversy_tracker_specialist", "/signals", mentions("disagree"));
    check("insight_generation_specialist", "/insights", has_items);
}
