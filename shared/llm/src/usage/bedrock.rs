//! Bedrock Converse: `inputTokens` is what was neither read from the cache nor written to it.

use engine::model::Usage;
use serde_json::Value;

use super::{count, part};

/// Reads a `usage` object. Bedrock does not tell thinking from other output.
pub(super) fn read(usage: &Value) -> Option<Usage> {
    let input = count(usage.get("inputTokens")?)?;
    let output = count(usage.get("outputTokens")?)?;
    let written = part(usage, "/cacheWriteInputTokens")?;
    let (mut for_5m, mut for_1h) = (0_u64, 0_u64);
    for detail in usage.get("cacheDetails").and_then(Value::as_array).into_iter().flatten() {
        let tokens = part(detail, "/inputTokens")?;
        match detail.get("ttl").and_then(Value::as_str) {
            Some("1h") => for_1h = for_1h.checked_add(tokens)?,
            _ => for_5m = for_5m.checked_add(tokens)?,
        }
    }
    Some(Usage {
        input_tokens: input,
        cached_tokens: part(usage, "/cacheReadInputTokens")?,
        cache_write_tokens: for_5m.max(written.saturating_sub(for_1h)),
        cache_write_1h_tokens: for_1h,
        output_tokens: output,
        ..Usage::default()
    })
}
