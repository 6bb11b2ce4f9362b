//! Every baseline against its agent's schema, over sample transcripts and whole runs without a model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::model::{AgentId, Depth, Status};
use engine::step_input::{Input, RequestView};
use serde_json::{Value, json};

use super::*;

/// In the order a run takes them; agents without rules are left out, as in a run without a model.
const ORDER: [(&str, &[&str]); 22] = [
    ("mission_orchestrator", &[]),
    ("acquisition_specialist", &["mission_orchestrator"]),
    ("visual_intelligence_specialist", &["acquisition_specialist"]),
    ("transcription_engineer", &["acquisition_specialist"]),
    ("audio_intelligence_specialist", &["transcription_engineer", "acquisition_specialist"]),
    ("analysis_cartographer", &["transcription_engineer"]),
    ("verification_director", &["analysis_cartographer"]),
    (
        "risk_intelligence_analyst",
        &["transcription_engineer", "analysis_cartographer", "verification_director"],
    ),
    ("persona_archivist", &["analysis_cartographer", "risk_intelligence_analyst"]),
    ("signal_recon_specialist", &["analysis_cartographer"]),
    ("trend_intelligence_scout", &["analysis_cartographer", "signal_recon_specialist"]),
    ("trend_intelligence_specialist", &["analysis_cartographer", "signal_recon_specialist"]),
    ("cross_platform_intelligence_specialist", &["signal_recon_specialist", "trend_intelligence_specialist"]),
    ("research_synthesist", &["analysis_cartographer"]),
    ("network_discovery_specialist", &["acquisition_specialist", "analysis_cartographer"]),
    ("deep_content_analyst", &["transcription_engineer"]),
    ("guest_intelligence_specialist", &["network_discovery_specialist", "deep_content_analyst"]),
    (
        "controversy_tracker_specialist",
        &["transcription_engineer", "analysis_cartographer", "deep_content_analyst"],
    ),
    (
        "intelligence_briefing_curator",
        &[
            "transcription_engineer",
            "analysis_cartographer",
            "acquisition_specialist",
            "verification_director",
            "risk_intelligence_analyst",
            "persona_archivist",
            "signal_recon_specialist",
            "trend_intelligence_scout",
            "research_synthesist",
            "argument_strategist",
            "visual_intelligence_specialist",
            "audio_intelligence_specialist",
            "trend_intelligence_specialist",
            "cross_platform_intelligence_specialist",
            "network_discovery_specialist",
            "deep_content_analyst",
            "guest_intelligence_specialist",
            "controversy_tracker_specialist",
            "insight_generation_specialist",
        ],
    ),
    ("community_liaison", &["intelligence_briefing_curator", "personality_synthesis_manager"]),
    ("system_reliability_officer", &["intelligence_briefing_curator"]),
    (
        "knowledge_integrator",
        &[
            "analysis_cartographer",
            "verification_director",
            "risk_intelligence_analyst",
            "intelligence_briefing_curator",
        ],
    ),
];

/// When the sample runs were asked for.
const REQUESTED_MS: u64 = 1_748_000_000_000;

const MODEL_ONLY: [&str; 3] =
    ["argument_strategist", "insight_generation_specialist", "personality_synthesis_manager"];

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sample(name: &str) -> String {
    std::fs::read_to_string(shared().join("../tests/data/samples").join(name)).unwrap()
}

fn validate(agent: &str, data: &Value) {
    let text = std::fs::read_to_string(shared().join(format!("catalogue/schemas/{agent}.json"))).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let faults = engine::schema::Schema::new(&schema).unwrap().faults(data);
    assert!(faults.is_empty(), "{agent}: {faults:#?}");
}

fn history() -> Value {
    const DAY_MS: u64 = 86_400_000;
    let run = |days_ago: u64| {
        json!({
            "run_id": format!("R{days_ago}"),
            "title": "River talk",
            "created_ms": REQUESTED_MS - days_ago * DAY_MS,
            "source_name": format!("river-{}.vtt", days_ago % 2),
            "summary": ["The wall was discussed in Marlow Bridge."],
            "topics": [{"label": "Lower Marlow, wall", "keywords": ["Lower Marlow", "wall", "storage"]}],
            "entities": [
                {"name": "Daniel Okafor", "kind": "person", "mentions": 2},
                {"name": "Marlow Bridge", "kind": "place", "mentions": 2},
            ],
            "speakers": ["Daniel Okafor"],
            "claims": [{"text": "The national government pays 55 percent.", "verdict": "supported"}],
        })
    };
    (1..=30).map(run).collect()
}

/// Runs every analyser in order over one transcript and validates what each makes.
fn run(name: &str, format: &str, history: Value) -> BTreeMap<AgentId, Input> {
    let analysers = analysers();
    let text = sample(name);
    let plan: Vec<Value> = ORDER
        .iter()
        .map(|(agent, _)| json!({"agent": agent, "from_depth": "quick", "in_depth": true, "weight": 3.0, "needs_model": false}))
        .collect();
    let facts = BTreeMap::from([
        ("plan".to_owned(), json!({"depth": "comprehensive", "max_claims": 25, "agents": plan})),
        (
            "source".to_owned(),
            json!({"kind": "upload", "rung": "captions", "name": name, "media_type": "text/vtt",
            "format": format, "bytes": text.len(), "digest": "d", "title": null, "author": null, "published": null,
            "description": null}),
        ),
        ("content".to_owned(), json!({"format": format, "text": text})),
        ("history".to_owned(), history),
        (
            "run_report".to_owned(),
            json!({"depth": "comprehensive", "cost_nano_usd": 9, "cap_nano_usd": 10,
            "unsettled_nano_usd": 1, "steps": [{"agent": "x", "item": null, "status": "failed", "reason": "no_model",
            "attempt": 2, "duration_ms": 20_000}]}),
        ),
    ]);
    let mut done: BTreeMap<AgentId, Input> = BTreeMap::new();
    for agent in MODEL_ONLY {
        let input = Input { status: Status::Skipped, data: None, reason: Some("no_model".into()) };
        done.insert(AgentId::new(agent), input);
    }
    for (agent, reads) in ORDER {
        let inputs: BTreeMap<AgentId, Input> = done
            .iter()
            .filter(|(id, _)| reads.contains(&id.as_str()))
            .map(|(id, input)| (id.clone(), input.clone()))
            .collect();
        let request = RequestView {
            source_name: name.to_owned(),
            media_type: "text/vtt".to_owned(),
            bytes: text.len() as u64,
            depth: Depth::Comprehensive,
            requested_ms: REQUESTED_MS,
        };
        let mut input = StepInput { request, item: None, inputs, facts: facts.clone() };
        if agent == "verification_director" {
            let claims = input.ok("analysis_cartographer").unwrap()["claims"].as_array().unwrap().clone();
            let mut rows = Vec::new();
            for claim in claims {
                input.item = Some(claim.clone());
                let (status, data, reason) = ended(agent, analysers[agent].analyse(&input));
                rows.push(json!({"item": claim["id"], "status": status, "data": data, "reason": reason}));
            }
            let reason = Some("no_model".to_owned());
            done.insert(
                AgentId::new(agent),
                Input { status: Status::Uncertain, data: Some(json!(rows).into()), reason },
            );
            continue;
        }
        let (status, data, reason) = ended(agent, analysers[agent].analyse(&input));
        done.insert(AgentId::new(agent), Input { status, data: data.map(Into::into), reason });
    }
    done
}

fn ended(agent: &str, analysis: Analysis) -> (Status, Option<Value>, Option<String>) {
    match analysis {
        Analysis::Settled(data) | Analysis::Complete(data) | Analysis::Partial { data, .. } => {
            validate(agent, &data);
            (Status::Ok, Some(data), None)
        }
        Analysis::Evidence(data) => {
            validate(agent, &data);
            (Status::Uncertain, Some(data), Some("no_model".to_owned()))
        }
        Analysis::Skip(reason) => (Status::Skipped, None, Some(reason.to_string())),
        Analysis::Fail(error) => (Status::Failed, None, Some(error.to_string())),
    }
}

#[test]
fn a_whole_run_without_a_model() {
    let done = run("flood-budget.vtt", "vtt", history());
    assert!(done.iter().all(|(agent, input)| {
        input.status == Status::Ok
            || MODEL_ONLY.contains(&agent.as_str())
            || agent.as_str() == "verification_director"
    }));
    let data = |agent: &str| done[agent].data.clone().unwrap();
    let map = data("analysis_cartographer");
    assert!(map["claims"].as_array().unwrap().len() >= 15);
    assert!((2..=6).contains(&map["topics"].as_array().unwrap().len()));
    let transcript = data("transcription_engineer");
    assert_eq!(transcript["language"]["code"], "en");
    assert_eq!(transcript["speakers"].as_array().unwrap().len(), 2);
    let briefing = data("intelligence_briefing_curator");
    for part in
        ["summary", "key_points", "topics", "claims", "argument", "risks", "people", "context", "gaps"]
    {
        assert!(!briefing[part].as_array().unwrap().is_empty(), "{part}");
    }
    let gaps: Vec<&str> =
        briefing["gaps"].as_array().unwrap().iter().map(|gap| gap["agent"].as_str().unwrap()).collect();
    assert!(gaps.contains(&"argument_strategist") && gaps.contains(&"verification_director"));
    assert_eq!(briefing["claims"][0]["verdict"], "not_checked");
    assert!(!data("trend_intelligence_specialist")["forecasts"].as_array().unwrap().is_empty());
    assert!(!data("cross_platform_intelligence_specialist")["spread"].as_array().unwrap().is_empty());
    assert!(data("visual_intelligence_specialist")["references"].as_array().unwrap().len() >= 2);
    assert!(!data("controversy_tracker_specialist")["kinds"].as_array().unwrap().is_empty());
    let shares: f64 = data("mission_orchestrator")["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["budget_share"].as_f64().unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-9);
    for post in data("community_liaison")["posts"].as_array().unwrap() {
        assert!(post["text"].as_str().unwrap().chars().count() <= 1800);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = || {
        let done = run("flood-budget.vtt", "vtt", history());
        done.values().map(|input| json!(input).to_string()).collect::<String>()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn other_samples_and_no_history() {
    for (name, format, language) in
        [("speech.txt", "text", "en"), ("bahnhof.srt", "srt", "de"), ("water-arabic.vtt", "vtt", "ar")]
    {
        let done = run(name, format, json!([]));
        let data = |agent: &str| done[agent].data.clone().unwrap();
        assert_eq!(data("transcription_engineer")["language"]["code"], language);
        assert!(!data("intelligence_briefing_curator")["summary"].as_array().unwrap().is_empty(), "{name}");
        let trends = data("trend_intelligence_specialist");
        assert!(trends["forecasts"].as_array().unwrap().is_empty());
        assert!(!trends["unknown"].as_array().unwrap().is_empty());
    }
}

#[test]
fn unusable_content_ends_early_with_a_reason() {
    let request = RequestView {
        source_name: "a.vtt".to_owned(),
        media_type: "text/vtt".to_owned(),
        bytes: 0,
        depth: Depth::Quick,
        requested_ms: 0,
    };
    let empty = StepInput { request, item: None, inputs: BTreeMap::new(), facts: BTreeMap::new() };
    let mut broken = empty.clone();
    broken.facts.insert(
        "content".to_owned(),
        json!({"format": "vtt", "text": "WEBVTT\n\n00:xx --> 00:02.000\nHi\n"}),
    );
    let analysis = transcription_engineer::baseline(&broken);
    assert!(
        matches!(&analysis, Analysis::Fail(error) if error.to_string().contains("line 3")),
        "{analysis:?}"
    );
    assert!(matches!(transcription_engineer::baseline(&empty), Analysis::Fail(_)));
    assert!(matches!(analysis_cartographer::baseline(&empty), Analysis::Skip(_)));
    assert!(matches!(visual_intelligence_specialist::baseline(&empty), Analysis::Skip(_)));
    // Whatever is missing, nothing panics and what is made is valid.
    for (agent, analyser) in analysers() {
        ended(agent, analyser.analyse(&empty));
    }
}

#[test]
fn overwhelming_spam_ends_early_with_a_reason() {
    let advertisement = ["Use code GOLD at www.gold.test today!", "So cheap and good!"];
    let row = |(at, text): (usize, &str)| json!({"id": format!("s{}", at + 1), "text": text});
    let segments: Vec<Value> = advertisement.into_iter().cycle().take(20).enumerate().map(row).collect();
    let transcript = json!({"language": {"code": "en"}, "segments": segments});
    let spam = input::testing::step(Value::Null, json!({"transcription_engineer": transcript}), json!({}));
    let analysis = analysis_cartographer::baseline(&spam);
    assert!(
        matches!(&analysis, Analysis::Skip(reason) if reason.to_string().contains("90% repeat earlier ones")),
        "{analysis:?}"
    );
}
