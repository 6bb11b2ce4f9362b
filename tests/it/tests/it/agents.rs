//! Every agent at work: a comprehensive run against the scripted provider, counted from the results and the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use engine::model::{ChargeState, RunId, StepResult};
use engine::ports::Row;
use lab::scripted::{Fault, Script, ScriptedServer};
use lab::sim::{Ended, Plan, simulate};
use serde_json::Value;

use crate::assay::{assay, json, run, sample, stored};

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
            let basis = if agent.id.as_str() == ADVISER { "deterministic" } else { "model" };
            assert_eq!(result.meta.basis.name(), basis, "{}: {:?}", agent.id, result.warnings);
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

/// The same by the command line over both protocols: each agent is asked, answers, and its answer stands.
#[test]
fn all_agents_work_over_both_protocols() {
    let agents = boot::load_catalogue().unwrap().agents;
    let all = agents.iter().map(|agent| agent.id.as_str().to_owned());
    let all: BTreeSet<String> = all.filter(|agent| agent != ADVISER).collect();
    for protocol in ["openai", "anthropic"] {
        let server = ScriptedServer::start(Script::new(Vec::new())).unwrap();
        let report = report_of(&server, protocol);
        assert_eq!(report["status"], "complete", "{protocol}: {:#}", report["failure"]);
        for step in report["steps"].as_array().unwrap() {
            let basis = if step["agent"] == ADVISER { "deterministic" } else { "model" };
            let found = (&step["status"], &step["basis"]);
            assert_eq!(found, (&"ok".into(), &basis.into()), "{protocol}: {step:#}");
        }
        let asked: BTreeSet<String> = server.bill().calls_by_agent().into_keys().collect();
        assert_eq!(asked, all, "{protocol}");
        let outcomes: BTreeSet<String> = server.bill().lines().into_iter().map(|line| line.outcome).collect();
        assert_eq!(outcomes, ["answer", "tools"].map(str::to_owned).into(), "{protocol}: tools are used too");
    }
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
    for step in steps {
        let of_rules = ["status", "basis"].map(|name| step[name].as_str().unwrap());
        let expected =
            if step["agent"] == DECLINES { ["uncertain", "deterministic"] } else { ["ok", "model"] };
        assert_eq!(of_rules, expected, "{step:#}");
    }
    // By the ledger and by the provider's own books.
    let paid = |step: &&Value| step["cost_nano_usd"].as_i64().is_some_and(|cost| cost > 0);
    let paid: BTreeSet<&str> = steps.iter().filter(paid).filter_map(|step| step["agent"].as_str()).collect();
    assert_eq!(paid.len(), 26, "{paid:?}");
    assert_eq!(server.bill().calls_by_agent().len(), 26);
}

/// One fact only that agent can produce, as a pointer into its data and what must be there.
fn check(agent: &str, pointer: &str, holds: impl Fn(&Value) -> bool) {
    let (_, results) = comprehensive();
    let data = results[agent][0].ok().unwrap();
    let value = data.pointer(pointer).unwrap_or_else(|| panic!("{agent} has no {pointer}: {data:#}"));
    assert!(holds(value), "{agent}{pointer}: {value:#}");
}

fn mentions(word: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value.to_string().contains(word)
}

/// The model's part of each, and what rules add where both are its own.
#[test]
fn each_agent_adds_what_only_it_can() {
    check("mission_orchestrator", "/agents", |agents| {
        let shares: f64 =
            agents.as_array().unwrap().iter().map(|row| row["budget_share"].as_f64().unwrap()).sum();
        (shares - 1.0).abs() < 1e-6
    });
    check("mission_orchestrator", "/intent", mentions("comprehensive"));
    check("acquisition_specialist", "/rung", |rung| rung == "captions");
    check("acquisition_specialist", "/subject", mentions(" content about "));
    check("transcription_engineer", "/speakers", |speakers| speakers.as_array().unwrap().len() == 2);
    check("transcription_engineer", "/names/0/quote", |quote| quote == "I'm Mara Ellison");
    check("analysis_cartographer", "/claims", mentions("4.2 million"));
    check("verification_director", "/verdict", |verdict| verdict != "not_checked");
    let (_, results) = comprehensive();
    let verdicts = results["verification_director"].len() as u64;
    let mapped = results["analysis_cartographer"][0].ok().unwrap()["claims"].as_array().unwrap();
    let checked: BTreeSet<&str> =
        results["verification_director"].iter().map(|result| result.meta.item.as_str()).collect();
    assert!(mapped.len() >= 3);
    // When a claim was said is told by the source, not by the model, which counts badly.
    let segments = results["transcription_engineer"][0].ok().unwrap()["segments"].as_array().unwrap();
    for claim in mapped {
        let said = segments.iter().find(|segment| segment["id"] == claim["segment"]).unwrap();
        assert!(said["start_ms"].is_u64(), "{said}");
        assert_eq!(claim["start_ms"], said["start_ms"], "{claim}");
    }
    assert_eq!(checked, mapped.iter().map(|claim| claim["id"].as_str().unwrap()).collect());
    check("risk_intelligence_analyst", "/verdicts", |counts| {
        counts.as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>() == verdicts
    });
    check("risk_intelligence_analyst", "/findings", mentions("claims are made by"));
    check("persona_archivist", "/dossiers", mentions("seen in 0 earlier runs"));
    check("knowledge_integrator", "/edges", |edges| {
        mentions("is named with")(edges) || mentions("speaks of")(edges)
    });
    check("signal_recon_specialist", "/reading", mentions("No earlier run is about"));
    check("trend_intelligence_scout", "/suggestions/0/why", mentions("in no related run"));
    check("research_synthesist", "/open_questions/0/question", mentions("What is the source for"));
    check("intelligence_briefing_curator", "/title", mentions("claims"));
    check("argument_strategist", "/positions", |positions| {
        mentions("Mara Ellison")(positions) && mentions("Tom Birch")(positions)
    });
    check("argument_strategist", "/positions/0/steelman", |steelman| {
        steelman.as_array().is_some_and(|points| !points.is_empty())
    });
    check("system_reliability_officer", "/cost_nano_usd", |cost| cost.as_i64().is_some_and(|cost| cost > 0));
    check("community_liaison", "/posts", |posts| {
        let channels = posts.as_array().unwrap().iter().map(|post| post["channel"].as_str().unwrap());
        channels.collect::<BTreeSet<_>>() == ["discord", "text"].into()
    });
    check("personality_synthesis_manager", "/voice", mentions("calm, exact"));
    check("visual_intelligence_specialist", "/on_screen/0/text", mentions("this chart"));
    check("audio_intelligence_specialist", "/longest_turn", mentions("Mara Ellison"));
    check("audio_intelligence_specialist", "/delivery", mentions("words a minute"));
    check("trend_intelligence_specialist", "/outlook", mentions("no forecast"));
    check("content_generation_specialist", "/adaptations", mentions("It covers "));
    check("network_discovery_specialist", "/relations", mentions("speaks with"));
    check("deep_content_analyst", "/arguments/0/conclusion/text", mentions("because the new wall"));
    check("guest_intelligence_specialist", "/watch/0/why", mentions("Tied to"));
    check("controversy_tracker_specialist", "/signals", mentions("disagree"));
    check("controversy_tracker_specialist", "/assessment", mentions("signals, the first"));
    check("insight_generation_specialist", "/insights/0/basis", |basis| {
        let agents = boot::load_catalogue().unwrap().agents;
        agents.iter().filter(|agent| basis.as_str().unwrap().contains(agent.id.as_str())).count() >= 2
    });
    // Where a subject was seen before takes runs before.
}

/// A talk of the host with a guest about this place.
fn talk(guest: &str, place: &str, sentences: &[&str]) -> String {
    let cue = |(index, text): (usize, &&str)| {
        let speaker = if index % 2 == 0 { "Nora Whitfield, host" } else { guest };
        format!("00:{index:02}:00.000 --> 00:{index:02}:50.000\n<v {speaker}>{text}\n\n")
    };
    let opening = format!("Welcome to a talk about {place}, where {guest} lives.");
    let all: Vec<&str> = std::iter::once(opening.as_str()).chain(sentences.iter().copied()).collect();
    format!("WEBVTT\n\n{}", all.iter().enumerate().map(cue).collect::<String>())
}

/// After runs on the same matter in two places, a third is told where it was, and who of its people was there.
#[test]
fn what_came_before_is_found_in_its_places() {
    let server = ScriptedServer::start(Script::new(Vec::new())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let radio = talk(
        "Tom Birch",
        "Lower Marlow",
        &[
            "The Environment Office says that the Harwich Barrier cost 12 million pounds in 2019.",
            "And the Harwich Barrier has kept 900 homes dry since then, according to the Environment Office.",
            "So who paid for it when the storm of 2021 broke the northern gate?",
            "Half of the money was borrowed, and the county repays 400,000 pounds a year.",
        ],
    );
    let forum = talk(
        "Dana Reed",
        "Upper Fenwick",
        &[
            "Engineers of the Environment Office measured the Harwich Barrier in May and found 31 cracks.",
            "Nobody told the villages, and 4 schools lie behind the Harwich Barrier.",
            "The repair will take 18 months and needs 60 workers from abroad.",
            "The Environment Office wrote that the gates were safe for another 20 years.",
        ],
    );
    let town = talk(
        "Tom Birch",
        "Lower Marlow",
        &[
            "On Monday the Environment Office closed the Harwich Barrier for 3 weeks.",
            "The tide reached 4.6 metres, which is the highest level since 1953.",
            "The Harwich Barrier was built for 4.2 metres, says the Environment Office.",
            "Farmers lost 250 hectares of barley, and 70 sheep drowned near the mill.",
        ],
    );
    let [radio, forum, town] = [("radio.vtt", radio), ("forum.vtt", forum), ("town.vtt", town)]
        .map(|(name, text)| write(name, text));
    let state = folder.path().join("state");
    // Each by a command of its own: memory outlives them.
    let ids = [radio, forum, town].map(|path| {
        let mut command = assay(&["run", &path, "--depth", "comprehensive", "--json", "--state"]);
        command.arg(&state).env("LLM_BASE_URL", server.url()).env("LLM_MODEL", "scripted");
        let report = json(&run(command.env("LLM_PRICE", "0.15/0.60")));
        report["run_id"].as_str().unwrap().to_owned()
    });
    let results: BTreeMap<String, StepResult> =
        stored(&state, &RunId::new(ids[2].as_str())).into_iter().collect();
    let data = |agent: &str| results[&format!("{agent}/-")].ok().unwrap();

    let spread = data("cross_platform_intelligence_specialist");
    let places: BTreeSet<&str> = spread["spread"][0]["places"]
        .as_array()
        .unwrap_or_else(|| panic!("{spread:#}"))
        .iter()
        .map(|place| place["source_name"].as_str().unwrap())
        .collect();
    assert_eq!(places, ["forum.vtt", "radio.vtt"].into(), "{spread:#}");
    let reading = spread["reading"].as_str().unwrap();
    assert!(reading.contains("first seen in radio.vtt and last in forum.vtt"), "{reading}");

    let guests = data("guest_intelligence_specialist");
    let guest = &guests["guests"][0];
    assert_eq!(guest["name"], "Tom Birch", "{guests:#}");
    let seen: Vec<&str> =
        guest["seen_before"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(seen, [ids[0].as_str()], "{guests:#}");
}
