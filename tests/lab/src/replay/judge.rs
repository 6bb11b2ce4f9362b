//! The model of the replay: the scripted one, but for claims, which it judges by what they say: two texts of one fact get one
//! verdict. So an answer that is served to another fact than its own can be told.

use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::ports::{Llm, LlmError, ModelReply, ModelRequest};
use serde_json::{Value, json};

use super::VERIFIER;
use super::shows::{FILLER, Facts};
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
        let fact = self.facts.get(claim.trim_start_matches(FILLER))?;
        let (verdict, stance) = match blake3::hash(&fact.to_le_bytes()).as_bytes()[0] % 3 {
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
