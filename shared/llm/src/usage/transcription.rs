//! Transcriptions by OpenAI and those who speak its protocol: billed by tokens, or by the length of the sound.

use engine::model::Usage;
use serde_json::Value;

use super::{count, decimal_text, part};

/// Reads a `usage` object, whose `type` says what is billed; without one it is seconds.
pub(super) fn read(usage: &Value) -> Option<Usage> {
    match usage.get("type").and_then(Value::as_str).unwrap_or("duration") {
        "tokens" => {
            let input = count(usage.get("input_tokens")?)?;
            let audio = part(usage, "/input_token_details/audio_tokens")?.min(input);
            Some(Usage {
                input_tokens: input - audio,
                audio_tokens: audio,
                output_tokens: count(usage.get("output_tokens")?)?,
                ..Usage::default()
            })
        }
        "duration" => {
            let (whole, rest) = engine::model::decimal(&decimal_text(usage.get("seconds")?)?, 3)?;
            let audio_ms = u64::try_from(whole).ok()?.checked_add(u64::from(rest))?;
            Some(Usage { audio_ms, ..Usage::default() })
        }
        _ => None,
    }
}
