//! Gemini's own protocol: what the cache gave is part of the prompt, thoughts are beside the candidates.

use engine::model::Usage;
use serde_json::Value;

use super::{count, part};

/// Reads a `usageMetadata` object.
pub(super) fn read(usage: &Value) -> Option<Usage> {
    let prompt =
        count(usage.get("promptTokenCount")?)?.checked_add(part(usage, "/toolUsePromptTokenCount")?)?;
    let cached = part(usage, "/cachedContentTokenCount")?;
    let fresh = prompt.checked_sub(cached)?;
    let mut audio = 0_u64;
    for detail in usage.get("promptTokensDetails").and_then(Value::as_array).into_iter().flatten() {
        if detail.get("modality").and_then(Value::as_str) == Some("AUDIO") {
            audio = audio.checked_add(part(detail, "/tokenCount")?)?;
        }
    }
    let audio = audio.min(fresh);
    Some(Usage {
        input_tokens: fresh - audio,
        audio_tokens: audio,
        cached_tokens: cached,
        output_tokens: part(usage, "/candidatesTokenCount")?,
        reasoning_tokens: part(usage, "/thoughtsTokenCount")?,
        ..Usage::default()
    })
}
