//! The compressed request: what is asked, with the words of its sources compressed.
//!
//! Compressed are the values of fields that hold words of a source, `text`, `quote` and `claim`, wherever they stand in items,
//! results, facts and the baseline. They are compressed before they are fenced, so the blocks stay JSON. All else is exact: the
//! agent's own prompt, the view of the request, names, ids, places, times and counts. So two requests meet only if their
//! sources say the same at the same places, and whatever was counted in them is the same.
//!
//! It makes a key: an answer that was found under it is held to the asked request as it is, so one that quotes words which were
//! compressed away does not fit. Where a row says so it is also what is sent.

use std::borrow::Cow;

use serde_json::Value;

use super::compress::{DroppableShare, compress_source};
use crate::agent::AgentSpec;
use crate::error::Result;
use crate::ports::ModelMessage;
use crate::prompt;
use crate::step_input::StepInput;

/// Compressing takes about 35 µs for 1 KiB in the dev profile; longer requests are compared as they are only.
const MOST_BYTES: usize = 256 * 1_024;

/// Fields that hold words of a source.
const WORDS_OF_A_SOURCE: [&str; 3] = ["text", "quote", "claim"];

/// Whether a request is short enough to be compressed each time.
pub(crate) fn is_short(messages: &[ModelMessage]) -> bool {
    messages.iter().map(|message| text_of(message).len()).sum::<usize>() <= MOST_BYTES
}

fn text_of(message: &ModelMessage) -> &str {
    match message {
        ModelMessage::System { text }
        | ModelMessage::User { text }
        | ModelMessage::Assistant { text, .. }
        | ModelMessage::Tool { text, .. } => text,
    }
}

/// The messages of a step as they are sent, and by how many tokens its row makes them shorter, counted as the engine bounds them.
pub(crate) fn sent(
    spec: &AgentSpec,
    input: &StepInput,
    baseline: Option<&Value>,
) -> Result<(Vec<ModelMessage>, u64)> {
    let whole = prompt::messages(spec, input, baseline)?;
    let Some(most) = spec.shortens.filter(|_| is_short(&whole)) else { return Ok((whole, 0)) };
    let shorter = messages(spec, input, baseline, most)?;
    let tokens = |messages: &[ModelMessage]| -> u64 {
        messages.iter().map(|message| prompt::tokens_at_most(text_of(message))).sum()
    };
    let shorter_by = tokens(&whole).saturating_sub(tokens(&shorter));
    Ok((shorter, shorter_by))
}

/// The messages of a step whose sources are compressed.
pub(crate) fn messages(
    spec: &AgentSpec,
    input: &StepInput,
    baseline: Option<&Value>,
    most: DroppableShare,
) -> Result<Vec<ModelMessage>> {
    prompt::messages_with(spec, input, baseline, |value| Cow::Owned(compressed(&value, most)))
}

fn compressed(value: &Value, most: DroppableShare) -> Value {
    match value {
        Value::Array(values) => values.iter().map(|value| compressed(value, most)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let value = match value {
                    Value::String(text) if WORDS_OF_A_SOURCE.contains(&name.as_str()) => {
                        Value::from(compress_source(text, most).text)
                    }
                    value => compressed(value, most),
                };
                (name.clone(), value)
            });
            Value::Object(fields.collect())
        }
        value => value.clone(),
    }
}
