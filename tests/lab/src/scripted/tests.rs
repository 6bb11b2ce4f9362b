//! Every agent's script on evidence made by hand: what it says fits the schema, quotes what was sent, holds what only
//! that agent can find, and is not said at all when an input is missing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{AGENTS, Evidence, Missing};

mod anthropic;
mod claims;
mod faces;
mod sample;

fn catalogue(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/catalogue");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// A list in an agent's row.
fn row(agent: &str, field: &str) -> Vec<String> {
    let rows = catalogue("agents.toml");
    let row = rows.split("[[agent]]").find(|row| row.contains(&format!("\nid = \"{agent}\"\n"))).unwrap();
    let list = row.split(&format!("\n{field} = ")).nth(1).unwrap().split(']').next().unwrap();
    serde_json::from_str(&format!("{}]", list.trim().trim_end_matches(','))).unwrap()
}

/// The variables of an agent's prompt: what it is sent.
fn sent(agent: &str) -> Vec<String> {
    let prompt = catalogue(&format!("prompts/{agent}.md"));
    engine::prompt::variables(&prompt).iter().map(|variable| variable.name.to_owned()).collect()
}

/// The schema an agent's answer is asked to fit.
fn answer_schema(agent: &str) -> Value {
    let mut schema: Value = serde_json::from_str(&catalogue(&format!("schemas/{agent}.json"))).unwrap();
    let answer = row(agent, "answer");
    schema["properties"].as_object_mut().unwrap().retain(|name, _| answer.contains(name));
    schema["required"] = json!(answer);
    schema
}

/// What the sample run sends to an agent.
fn evidence(agent: &str) -> Evidence {
    let mut evidence = Evidence::default();
    for name in sent(agent) {
        let block = match name.as_str() {
            "baseline" => sample::baseline(agent),
            name => sample::block(name),
        };
        evidence = evidence.with(&name, block);
    }
    evidence
}

fn answer(agent: &str, evidence: &Evidence) -> Result<Value, Missing> {
    let (_, script) = AGENTS.iter().find(|(id, _)| *id == agent).unwrap();
    script(evidence)
}

#[test]
fn every_answer_fits_its_schema() {
    for (agent, _) in AGENTS {
        let answer = answer(agent, &evidence(agent)).unwrap();
        let schema = answer_schema(agent);
        let faults = engine::schema::Schema::new(&schema).unwrap().faults(&answer);
        assert!(faults.is_empty(), "{agent}: {faults:?}\n{answer:#}");
    }
}

#[test]
fn answers_fit_when_little_was_found() {
    for (agent, _) in AGENTS {
        let mut evidence = Evidence::default();
        for name in sent(agent) {
            let block = match name.as_str() {
                name if row(agent, "uses").iter().any(|used| used == name) => {
                    json!({"status": "not_planned"})
                }
                _ => json!({}),
            };
            evidence = evidence.with(&name, block);
        }
        let answer = answer(agent, &evidence).unwrap();
        let schema = answer_schema(agent);
        let faults = engine::schema::Schema::new(&schema).unwrap().faults(&answer);
        assert!(faults.is_empty(), "{agent}: {faults:?}\n{answer:#}");
    }
}

#[test]
fn a_missing_input_is_never_made_up() {
    for (agent, _) in AGENTS {
        let shown = sent(agent);
        let facts = row(agent, "facts").into_iter().map(|fact| format!("fact.{fact}"));
        let mut needed: BTreeSet<_> = row(agent, "needs").into_iter().chain(facts).collect();
        needed.insert("item".to_owned());
        needed.retain(|name| shown.contains(name));
        assert!(!needed.is_empty(), "{agent} is sent nothing that it needs");
        for name in needed {
            let missing = Err(Missing(name.clone()));
            assert_eq!(answer(agent, &evidence(agent).without(&name)), missing, "{agent} without {name}");
            let failed = json!({"status": "failed", "reason": "Timeout"});
            assert_eq!(
                answer(agent, &evidence(agent).with(&name, failed)),
                missing,
                "{agent} with failed {name}"
            );
        }
    }
}

#[test]
fn citations_are_taken_from_what_was_sent() {
    for (agent, _) in AGENTS {
        let evidence = evidence(agent);
        let mut shown = Pointers::default();
        evidence.names().for_each(|name| shown.learn(evidence.get(name).unwrap_or(&Value::Null)));
        let mut cited = Pointers::default();
        let answer = answer(agent, &evidence).unwrap();
        cited.learn(&answer);
        let invented: Vec<_> =
            cited.ids.difference(&shown.ids).filter(|id| id.starts_with(['s', 'R'])).collect();
        assert!(invented.is_empty(), "{agent} invents {invented:?}\n{answer:#}");
        for quote in cited.quotes {
            let stands = shown.texts.iter().any(|text| text.contains(&quote));
            assert!(stands, "{agent} misquotes {quote:?}");
        }
    }
}

/// Segment and run ids, quotes, and all texts of a value.
#[derive(Default)]
struct Pointers {
    ids: BTreeSet<String>,
    quotes: BTreeSet<String>,
    texts: Vec<String>,
}

impl Pointers {
    fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.learn(value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value) {
                        ("segments", Value::Array(ids)) => {
                            self.ids.extend(ids.iter().filter_map(Value::as_str).map(str::to_owned));
                        }
                        ("quote", Value::String(quote)) => {
                            self.quotes.insert(quote.clone());
                        }
                        (name, Value::String(id))
                            if name == "id" || name == "run_id" || name.contains("segment") =>
                        {
                            self.ids.insert(id.clone());
                        }
                        _ => {}
                    }
                    self.learn(value);
                }
            }
            Value::String(text) => self.texts.push(text.clone()),
            _ => {}
        }
    }
}

/// Checks that an agent's answer says something, and that it says so no more when the named block is another one.
fn check(agent: &str, says: &str, because_of: &str, other: Value) {
    let found = answer(agent, &evidence(agent)).unwrap().to_string();
    assert!(found.contains(says), "{agent} does not say {says:?}: {found}");
    let otherwise = answer(agent, &evidence(agent).with(because_of, other)).unwrap().to_string();
    assert!(!otherwise.contains(says), "{agent} says {says:?} whatever {because_of} is");
}

#[test]
fn each_agent_says_what_only_its_inputs_show() {
    let text_request =
        json!({"source_name": "harbour-talk.vtt", "media_type": "text/plain", "bytes": 1, "depth": "deep"});
    let mut untimed = sample::block("transcription_engineer");
    untimed["data"]["timed"] = json!(false);
    let none = || json!({"status": "ok", "data": {}});
    check(
        "mission_orchestrator",
        "harbour talk",
        "request",
        json!({"source_name": "upload.txt", "media_type": "x"}),
    );
    let skips =
        answer("mission_orchestrator", &evidence("mission_orchestrator").with("request", text_request))
            .unwrap();
    assert_eq!(skips["skip"][0]["agent"], "audio_intelligence_specialist");
    let cheese = json!({"rung": "full_text", "glimpse": {"opening": "Cheese ripens slowly."}});
    check("acquisition_specialist", "harbour", "baseline", cheese);
    check("transcription_engineer", "\"name\":\"Dana Holm\"", "baseline", json!({"segments": []}));
    check("analysis_cartographer", "Jon says: It will cost 4 million", "transcription_engineer", none());
    check("verification_director", "\"verdict\":\"refuted\"", "item", sample::second_claim());
    check(
        "risk_intelligence_analyst",
        "Claim c1 was refuted",
        "verification_director",
        json!({"status": "not_planned"}),
    );
    check("persona_archivist", "seen in 1 earlier runs", "baseline", json!({}));
    check("knowledge_integrator", "is named with", "analysis_cartographer", none());
    check("signal_recon_specialist", "\\\"Harbour budget\\\" is closest", "baseline", json!({}));
    check("trend_intelligence_scout", "Larsen Group is named 2 times here", "analysis_cartographer", none());
    check("research_synthesist", "The port was deepened in 1998.", "baseline", json!({}));
    check("intelligence_briefing_curator", "1 refuted", "verification_director", json!({"status": "failed"}));
    check("argument_strategist", "is refuted.", "verification_director", json!({"status": "skipped"}));
    check(
        "system_reliability_officer",
        "persona_archivist took 4100 ms",
        "fact.run_report",
        json!({"steps": []}),
    );
    check(
        "community_liaison",
        "Harbour, calmly told",
        "personality_synthesis_manager",
        json!({"status": "skipped"}),
    );
    check(
        "personality_synthesis_manager",
        "exact, 10 words a sentence",
        "intelligence_briefing_curator",
        none(),
    );
    check("visual_intelligence_specialist", "this chart", "fact.content", json!({"text": "Nothing to see."}));
    check(
        "audio_intelligence_specialist",
        "The longest pause lasts 3.5 seconds",
        "transcription_engineer",
        untimed,
    );
    check(
        "trend_intelligence_specialist",
        "2 to 6 mentions in 7 days",
        "baseline",
        json!({"forecasts": [], "unknown": []}),
    );
    check(
        "content_generation_specialist",
        "Subject: Harbour dredging",
        "intelligence_briefing_curator",
        none(),
    );
    check("cross_platform_intelligence_specialist", "12 days apart", "baseline", json!({"spread": []}));
    check("network_discovery_specialist", "speaks with", "analysis_cartographer", none());
    check("deep_content_analyst", "s5 gives no figure", "transcription_engineer", none());
    check("guest_intelligence_specialist", "Tied to Jon", "network_discovery_specialist", none());
    check("controversy_tracker_specialist", "s4 has the darkest tone", "analysis_cartographer", none());
    check(
        "insight_generation_specialist",
        "same sentence as claim c3",
        "deep_content_analyst",
        json!({"status": "failed"}),
    );
}

#[test]
fn verdicts_follow_the_figures() {
    let judge = |claim: &str, passages: &[&str]| {
        let evidence: Vec<_> =
            passages.iter().enumerate().map(|(index, text)| json!({"source": "transcript", "segment": format!("s{}", index + 2), "quote": text})).collect();
        let evidence = Evidence::default()
            .with("item", json!({"id": "c2", "text": claim, "segment": "s1", "context": []}))
            .with("baseline", json!({"evidence": evidence}));
        answer("verification_director", &evidence).unwrap()["verdict"].clone()
    };
    let claim = "Dredging the harbour costs 6 million.";
    assert_eq!(judge(claim, &["The harbour dredging is 6 million in the audit."]), "supported");
    assert_eq!(judge(claim, &["The harbour dredging came to 4.1 million."]), "refuted");
    assert_eq!(
        judge(claim, &["The harbour dredging is 6 million.", "Harbour dredging: 4.1 million."]),
        "conflicting"
    );
    assert_eq!(judge(claim, &["Ships wait for 6 hours."]), "not_enough_evidence");
    assert_eq!(judge(claim, &[]), "not_enough_evidence");
    assert_eq!(judge("We should dredge the harbour.", &[]), "not_checkable");
}

#[test]
fn what_memory_answers_is_cited_with_its_run() {
    let evidence = evidence("verification_director").with_tool_answer(
        json!({"matches": [{"run_id": "R2", "claims": [{"text": "Dredging the harbour will cost 6 million crowns."}]}]}),
    );
    let answer = answer("verification_director", &evidence).unwrap();
    assert_eq!(answer["verdict"], "conflicting", "{answer:#}");
    assert_eq!(answer.pointer("/citations/0/run_id"), Some(&json!("R2")), "{answer:#}");
    assert!(answer["reasoning"].as_str().unwrap().contains("Memory was searched"));
}
