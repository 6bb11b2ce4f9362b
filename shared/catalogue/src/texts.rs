//! The catalogue's files, embedded.

use std::collections::BTreeMap;

/// The texts a catalogue is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// `agents.toml`.
    pub agents: String,
    /// `models.toml`.
    pub models: String,
    /// `prompts/<agent>.md` by agent id.
    pub prompts: BTreeMap<String, String>,
    /// `schemas/<agent>.json` by agent id.
    pub schemas: BTreeMap<String, String>,
}

impl Texts {
    /// The files beside this crate, as they were when it was built.
    pub fn embedded() -> Self {
        let text_of = |which: fn(&Files) -> &'static str| {
            FILES.iter().map(|files| (files.agent.to_owned(), which(files).to_owned())).collect()
        };
        Self {
            agents: include_str!("../agents.toml").to_owned(),
            models: include_str!("../models.toml").to_owned(),
            prompts: text_of(|files| files.prompt),
            schemas: text_of(|files| files.schema),
        }
    }

    /// 16 hexadecimal digits that change when any of the texts does.
    pub fn version(&self) -> String {
        let pairs = |texts: &BTreeMap<String, String>| -> Vec<String> {
            texts.iter().flat_map(|(agent, text)| [agent.clone(), text.clone()]).collect()
        };
        let (prompts, schemas) = (pairs(&self.prompts), pairs(&self.schemas));
        let parts = [&self.agents, &self.models].into_iter().chain(&prompts).chain(&schemas);
        digest(parts.map(String::as_str))
    }
}

/// The first 16 hexadecimal digits of the BLAKE3 digest of all parts, each with its length before it.
pub(crate) fn digest<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

struct Files {
    agent: &'static str,
    prompt: &'static str,
    schema: &'static str,
}

macro_rules! files {
    ($($agent:literal,)+) => {
        const FILES: &[Files] = &[$(Files {
            agent: $agent,
            prompt: include_str!(concat!("../prompts/", $agent, ".md")),
            schema: include_str!(concat!("../schemas/", $agent, ".json")),
        },)+];
    };
}

files! {
    "mission_orchestrator",
    "acquisition_specialist",
    "transcription_engineer",
    "analysis_cartographer",
    "verification_director",
    "risk_intelligence_analyst",
    "persona_archivist",
    "knowledge_integrator",
    "signal_recon_specialist",
    "trend_intelligence_scout",
    "research_synthesist",
    "intelligence_briefing_curator",
    "argument_strategist",
    "system_reliability_officer",
    "community_liaison",
    "personality_synthesis_manager",
    "visual_intelligence_specialist",
    "audio_intelligence_specialist",
    "trend_intelligence_specialist",
    "content_generation_specialist",
    "cross_platform_intelligence_specialist",
    "network_discovery_specialist",
    "deep_content_analyst",
    "guest_intelligence_specialist",
    "controversy_tracker_specialist",
    "insight_generation_specialist",
}
