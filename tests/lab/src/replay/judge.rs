//! The model of the replay: the scripted one, but for claims, which it judges by what they say, by what is answered to them in their
//! own talk, and by what other talks say against them. So an answer that is served to another fact than its own can be told, and
//! one that is served beside passages that change it. That others say the same moves it not, as the verifier's prompt has it; nor does
//! what people say while they think, in any answer.

use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::ports::{Llm, LlmError, ModelMessage, ModelReply, ModelRequest};
use serde_json::{Value, json};

use super::VERIFIER;
use super::shows::{DENIALS, FILLER, Facts};
use crate::scripted::{Evidence, ScriptedModel};

pub(super) struct Judge {
    pub(super) model: ScriptedModel,
    pub(super) facts: Arc<Facts>,
}

#[async_trait]
impl Llm for Judge {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.model.candidates(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let messages = request.messages.iter().map(without_filler).collect();
        let request = &ModelRequest { messages, ..request.clone() };
        let reply = self.model.complete(request).await?;
        let verdict = (request.schema_name == VERIFIER).then(|| self.verdict(request)).flatten();
        Ok(match verdict {
            Some(verdict) => ModelReply { text: verdict.to_string(), ..reply },
            None => reply,
        })
    }
}

impl Judge {
    /// The verdict on a claim that tells a known fact.
    fn verdict(&self, request: &ModelRequest) -> Option<Value> {
        let evidence = Evidence::of(&request.messages);
        let claim = evidence.get("item")?.get("text")?.as_str()?;
        let fact = self.facts.get(claim)?;
        let passages = evidence.get("baseline").and_then(|baseline| baseline["evidence"].as_array());
        let quotes = |source: &str| {
            let of = passages.into_iter().flatten().filter(|passage| passage["source"] == source);
            of.filter_map(|passage| passage["quote"].as_str()).collect::<Vec<_>>()
        };
        let is_denied = quotes("transcript").iter().any(|quote| DENIALS.contains(quote))
            || quotes("memory").iter().any(|quote| self.facts.get(*quote).is_none_or(|other| other != fact));
        let known = blake3::hash(&fact.to_le_bytes()).as_bytes()[0] % 3;
        let (verdict, stance) = match known {
            // Somebody answers the claim where it is made.
            0 | 1 if is_denied => ("conflicting", Some("neutral")),
            0 => ("supported", Some("supports")),
            1 => ("refuted", Some("refutes")),
            _ => ("not_enough_evidence", None),
        };
        let cite = |stance| {
            json!({"source": "model_knowledge", "segment": null, "run_id": null, "url": null, "quote": "",
                "stance": stance})
        };
        let citations: Vec<Value> = stance.map(cite).into_iter().collect();
        Some(json!({"verdict": verdict, "confidence": 0.7, "citations": citations,
            "reasoning": "By what is known of the matter."}))
    }
}

fn without_filler(message: &ModelMessage) -> ModelMessage {
    match message {
        ModelMessage::User { text } => ModelMessage::User { text: text.replace(FILLER, "") },
        other => other.clone(),
    }
}
