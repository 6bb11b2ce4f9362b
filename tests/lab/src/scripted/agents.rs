//! One small function per agent: evidence in, the answered fields out, everything quoted from the evidence.

use engine::ports::ModelMessage;
use serde_json::Value;

use super::evidence::{Evidence, Missing};
use super::read::{list, text};

mod checking;
mod intake;
mod mapping;
mod memory;
mod people;
mod writing;

/// Composes the fields an agent is asked for.
pub type AgentScript = fn(&Evidence) -> Result<Value, Missing>;

/// The script of every agent, by id, in order of their numbers.
pub const AGENTS: [(&str, AgentScript); 26] = [
    ("mission_orchestrator", intake::mission_orchestrator),
    ("acquisition_specialist", intake::acquisition_specialist),
    ("transcription_engineer", intake::transcription_engineer),
    ("analysis_cartographer", mapping::analysis_cartographer),
    ("verification_director", checking::verification_director),
    ("risk_intelligence_analyst", checking::risk_intelligence_analyst),
    ("persona_archivist", people::persona_archivist),
    ("knowledge_integrator", memory::knowledge_integrator),
    ("signal_recon_specialist", memory::signal_recon_specialist),
    ("trend_intelligence_scout", memory::trend_intelligence_scout),
    ("research_synthesist", memory::research_synthesist),
    ("intelligence_briefing_curator", writing::intelligence_briefing_curator),
    ("argument_strategist", checking::argument_strategist),
    ("system_reliability_officer", writing::system_reliability_officer),
    ("community_liaison", writing::community_liaison),
    ("personality_synthesis_manager", writing::personality_synthesis_manager),
    ("visual_intelligence_specialist", intake::visual_intelligence_specialist),
    ("audio_intelligence_specialist", intake::audio_intelligence_specialist),
    ("trend_intelligence_specialist", memory::trend_intelligence_specialist),
    ("content_generation_specialist", writing::content_generation_specialist),
    ("cross_platform_intelligence_specialist", memory::cross_platform_intelligence_specialist),
    ("network_discovery_specialist", people::network_discovery_specialist),
    ("deep_content_analyst", mapping::deep_content_analyst),
    ("guest_intelligence_specialist", people::guest_intelligence_specialist),
    ("controversy_tracker_specialist", mapping::controversy_tracker_specialist),
    ("insight_generation_specialist", writing::insight_generation_specialist),
];

/// An agent's answer to a conversation. `schema` is what it was asked to fit: a field it requires and the script does
/// not know is missing as well.
pub fn answer(agent: &str, messages: &[ModelMessage], schema: &Value) -> Result<Value, Missing> {
    let (_, script) =
        AGENTS.iter().find(|(id, _)| *id == agent).ok_or_else(|| Missing(format!("script of `{agent}`")))?;
    let answer = script(&Evidence::of(messages))?;
    let unknown =
        list(schema, "required").iter().filter_map(Value::as_str).find(|name| answer.get(name).is_none());
    match unknown {
        Some(name) => Err(Missing(format!("script of field `{agent}.{name}`"))),
        None => Ok(answer),
    }
}

/// A sentence with its place.
#[derive(Clone, Copy)]
struct Sentence<'a> {
    segment: &'a str,
    start_ms: Option<i64>,
    end_ms: Option<i64>,
    speaker: Option<&'a str>,
    text: &'a str,
}

impl<'a> Sentence<'a> {
    fn of(value: &'a Value) -> Self {
        let segment = if value.get("segment").is_some() { text(value, "segment") } else { text(value, "id") };
        Self {
            segment,
            start_ms: value.get("start_ms").and_then(Value::as_i64),
            end_ms: value.get("end_ms").and_then(Value::as_i64),
            speaker: value.get("speaker").and_then(Value::as_str),
            text: text(value, "text"),
        }
    }
}

/// The sentences of a transcript, of a summary, or of any list of places.
fn sentences<'a>(value: &'a Value, field: &str) -> Vec<Sentence<'a>> {
    list(value, field).iter().map(Sentence::of).filter(|sentence| !sentence.segment.is_empty()).collect()
}

/// All sentences a map tells, each segment once: its summary, topics, claims and their context.
fn quoted(map: &Value) -> Vec<Sentence<'_>> {
    let mut found = sentences(map, "summary");
    for topic in list(map, "topics") {
        found.extend(sentences(topic, "key_sentences"));
    }
    for claim in list(map, "claims") {
        found.push(Sentence::of(claim));
        found.extend(sentences(claim, "context"));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|sentence| !sentence.segment.is_empty() && seen.insert(sentence.segment));
    found
}
