//! A plain answer, and what an answer means once all of it is there.

use engine::error::ErrorKind;
use engine::ports::{Bill, LlmError, ModelReply, ToolCall};
use serde_json::Value;

use super::request;

use crate::Secret;
use crate::reply::{arguments, string};
use crate::server::failure::{self, failed, no_believable_usage};
use crate::usage::Plausible;

/// An answer, gathered from a plain body or from a stream.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) model: String,
    pub(super) blocks: Vec<Block>,
    pub(super) stop_reason: Option<String>,
    /// Why it declined, in the provider's words.
    pub(super) explanation: Option<String>,
    pub(super) usage: Option<Value>,
}

/// A part of an answer.
pub(super) enum Block {
    Text(String),
    ToolUse {
        id: String,
        name: String,
        /// As it was written.
        input: String,
    },
    /// Thinking: not for the reader, but wanted back.
    Thinking(Value),
    /// What else is not for the reader.
    Other,
}

/// The reply in a plain JSON body.
pub(super) fn parse(
    body: &[u8],
    plausible: &Plausible,
    key: Option<&Secret>,
) -> Result<ModelReply, LlmError> {
    let body: Value = serde_json::from_slice(body).map_err(|_| failure::unreadable(body))?;
    let bill = || plausible.usage(body.get("usage")).map_or(Bill::Unknown, Bill::Used);
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(failure::of_error_object(error, bill(), key));
    }
    let Some(content) = body.get("content").and_then(Value::as_array) else {
        let message = "the model's server sent an answer without content";
        return Err(failed(ErrorKind::ModelOutput, message, bill()));
    };
    let mut gathered = Gathered {
        model: string(&body, "model"),
        blocks: content.iter().map(Block::of).collect(),
        usage: body.get("usage").cloned(),
        ..Gathered::default()
    };
    gathered.stop(&body);
    gathered.into_reply(plausible)
}

impl Block {
    /// A content block, whole or as it begins.
    pub(super) fn of(block: &Value) -> Self {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => Self::Text(string(block, "text")),
            Some("tool_use") => {
                let begun = |input: &&Value| input.as_object().is_none_or(|input| !input.is_empty());
                let input = block.get("input").filter(begun).map(Value::to_string).unwrap_or_default();
                Self::ToolUse { id: string(block, "id"), name: string(block, "name"), input }
            }
            Some("thinking" | "redacted_thinking") => Self::Thinking(block.clone()),
            _ => Self::Other,
        }
    }

    /// The next piece of a block.
    pub(super) fn add(&mut self, delta: &Value) {
        match self {
            Self::Text(text) => text.push_str(&string(delta, "text")),
            Self::ToolUse { input, .. } => input.push_str(&string(delta, "partial_json")),
            Self::Thinking(block) => {
                for name in ["thinking", "signature"] {
                    if let Some(more) = delta.get(name).and_then(Value::as_str) {
                        block[name] = format!("{}{more}", string(block, name)).into();
                    }
                }
            }
            Self::Other => {}
        }
    }

    /// The block as it goes back; nothing for what need not go back.
    fn back(&self) -> Option<Value> {
        match self {
            Self::Text(text) => request::BLOCKS.text_block(text),
            Self::ToolUse { id, name, input } => {
                let call = ToolCall { id: id.clone(), name: name.clone(), arguments: arguments(input) };
                Some(request::BLOCKS.tool_use_block(&call))
            }
            Self::Thinking(block) => Some(block.clone()),
            Self::Other => None,
        }
    }
}

impl Gathered {
    /// Takes why it stopped from the object that says so, if it does.
    pub(super) fn stop(&mut self, said: &Value) {
        if let Some(reason) = said.get("stop_reason").and_then(Value::as_str) {
            self.stop_reason = Some(reason.to_owned());
        }
        if let Some(explanation) = said.pointer("/stop_details/explanation").and_then(Value::as_str) {
            self.explanation = Some(explanation.to_owned());
        }
    }

    /// The reply, if its usage is believable.
    pub(super) fn into_reply(self, plausible: &Plausible) -> Result<ModelReply, LlmError> {
        let usage = plausible.usage(self.usage.as_ref()).ok_or_else(no_believable_usage)?;
        let thought = self.blocks.iter().any(|block| matches!(block, Block::Thinking(_)));
        let back = self.blocks.iter().filter(|_| thought).filter_map(Block::back);
        let kept: Vec<Value> = back.collect();
        let (mut text, mut tool_calls) = (String::new(), Vec::new());
        for block in self.blocks {
            match block {
                Block::Text(more) => text.push_str(&more),
                Block::ToolUse { id, name, input } => {
                    let id = if id.is_empty() { format!("call_{}", tool_calls.len()) } else { id };
                    tool_calls.push(ToolCall { id, name, arguments: arguments(&input) });
                }
                Block::Thinking(_) | Block::Other => {}
            }
        }
        let reason = self.stop_reason.as_deref().unwrap_or_default();
        let declined = || self.explanation.unwrap_or_else(|| "the provider's model declined".to_owned());
        Ok(ModelReply {
            text,
            kept: if tool_calls.is_empty() { Vec::new() } else { kept },
            tool_calls,
            refusal: (reason == "refusal").then(declined),
            cut_off: matches!(reason, "max_tokens" | "model_context_window_exceeded"),
            usage,
            reported_cost: None,
            model: self.model,
        })
    }
}
