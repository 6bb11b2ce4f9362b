//! A reply as a provider's server would have written it.

use engine::ports::ModelReply;
use serde_json::json;

use super::turn::Said;
use super::{messages, wire};

/// A wire protocol of the scripted model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// OpenAI's chat completions.
    ChatCompletions,
    /// Anthropic's Messages.
    Messages,
}

/// The body of an answer with this reply, whole or in events.
pub fn body(face: Face, number: u64, reply: &ModelReply, is_streamed: bool) -> Vec<u8> {
    let said = Said {
        text: reply.text.clone(),
        tool_calls: reply.tool_calls.clone(),
        refusal: reply.refusal.clone(),
        cut_off: reply.cut_off,
        usage: reply.usage,
    };
    let model = &reply.model;
    let text = match (face, is_streamed) {
        (Face::ChatCompletions, false) => json!(wire::plain(number, model, &said)).to_string(),
        (Face::ChatCompletions, true) => wire::events(number, model, &said, true).concat(),
        (Face::Messages, false) => json!(messages::plain(number, model, &said)).to_string(),
        (Face::Messages, true) => messages::events(number, model, &said).concat(),
    };
    text.into_bytes()
}
