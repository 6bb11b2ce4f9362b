//! OpenAI: cached tokens are part of the prompt, reasoning is part of the completion.

use engine::model::Usage;
use serde_json::Value;

use super::{count, part};

/// Reads a `usage` object of embeddings, which have no completion.
pub(super) fn read_embeddings(usage: &Value) -> Option<Usage> {
    let input = usage.get("prompt_tokens").or_else(|| usage.get("inputTextTokenCount"))?;
    Some(Usage { input_tokens: count(input)?, ..Usage::default() })
}

/// Reads a `usage` object of chat completions.
pub(super) fn read(usage: &Value) -> Option<Usage> {
    let prompt = count(usage.get("prompt_tokens")?)?;
    let completion = count(usage.get("completion_tokens")?)?;
    let cached = match part(usage, "/prompt_tokens_details/cached_tokens")? {
        // DeepSeek's own name.
        0 => part(usage, "/prompt_cache_hit_tokens")?,
        cached => cached,
    };
    let cache_write = part(usage, "/prompt_tokens_details/cache_write_tokens")?;
    let audio = part(usage, "/prompt_tokens_details/audio_tokens")?;
    let reasoning = part(usage, "/completion_tokens_details/reasoning_tokens")?;
    let total = usage.get("total_tokens").and_then(count);
    // Where the parts do not fit into the whole, the server counts them apart.
    let reasoning_is_apart = reasoning > completion
        || (reasoning > 0 && total == prompt.checked_add(completion)?.checked_add(reasoning));
    let fresh = prompt.checked_sub(cached.checked_add(cache_write)?).unwrap_or(prompt);
    let audio = audio.min(fresh);
    Some(Usage {
        input_tokens: fresh - audio,
        audio_tokens: audio,
        cached_tokens: cached,
        cache_write_tokens: cache_write,
        output_tokens: if reasoning_is_apart { completion } else { completion - reasoning },
        reasoning_tokens: reasoning,
        ..Usage::default()
    })
}
