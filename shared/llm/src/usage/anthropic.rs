//! Anthropic Messages: `input_tokens` is what was neither read from the cache nor written to it; thinking is part of the
//! output.

use engine::model::Usage;
use serde_json::Value;

use super::{count, part};

/// Reads a `usage` object.
pub(super) fn read(usage: &Value) -> Option<Usage> {
    let input = count(usage.get("input_tokens")?)?;
    let output = count(usage.get("output_tokens")?)?;
    let written = part(usage, "/cache_creation_input_tokens")?;
    let for_5m = part(usage, "/cache_creation/ephemeral_5m_input_tokens")?;
    let for_1h = part(usage, "/cache_creation/ephemeral_1h_input_tokens")?;
    let thinking = part(usage, "/output_tokens_details/thinking_tokens")?;
    Some(Usage {
        input_tokens: input,
        cached_tokens: part(usage, "/cache_read_input_tokens")?,
        // What is written and not said for how long is written for the ordinary five minutes.
        cache_write_tokens: for_5m.max(written.saturating_sub(for_1h)),
        cache_write_1h_tokens: for_1h,
        output_tokens: output.checked_sub(thinking).unwrap_or(output),
        reasoning_tokens: thinking,
        ..Usage::default()
    })
}
