//! A conversation in turns of blocks, as Anthropic's Messages and Bedrock's Converse have it. They differ in how they write a block.

use engine::ports::{ModelMessage, ToolCall};
use serde_json::{Value, json};

/// How a protocol writes the blocks of a turn.
pub(crate) struct Blocks {
    /// A text.
    pub(crate) text: fn(&str) -> Value,
    /// What a tool answered to the call of this id.
    pub(crate) tool_result: fn(&str, Vec<Value>) -> Value,
    /// A call of a tool, with its arguments.
    pub(crate) tool_use: fn(&ToolCall, Value) -> Value,
}

impl Blocks {
    /// Turns by who speaks: what comes one after another from the same side is one turn, so the answers to all tool calls of
    /// a turn stand together, as they must.
    pub(crate) fn turns(&self, messages: &[ModelMessage]) -> Vec<Value> {
        let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
        for message in messages {
            let (role, blocks) = match message {
                ModelMessage::System { .. } => continue,
                ModelMessage::User { text } => ("user", self.text_block(text).into_iter().collect()),
                ModelMessage::Tool { call_id, text } => {
                    let content = self.text_block(text).into_iter().collect();
                    ("user", vec![(self.tool_result)(call_id, content)])
                }
                ModelMessage::Assistant { kept, .. } if !kept.is_empty() => ("assistant", kept.clone()),
                ModelMessage::Assistant { text, tool_calls, .. } => {
                    let calls = tool_calls.iter().map(|call| self.tool_use_block(call));
                    ("assistant", self.text_block(text).into_iter().chain(calls).collect())
                }
            };
            match turns.last_mut() {
                _ if blocks.is_empty() => {}
                Some((before, held)) if *before == role => held.extend(blocks),
                _ => turns.push((role, blocks)),
            }
        }
        turns.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
    }

    /// A text that is empty, or nothing but white space, is refused; it is left out.
    pub(crate) fn text_block(&self, text: &str) -> Option<Value> {
        (!text.trim().is_empty()).then(|| (self.text)(text))
    }

    /// A call the model made earlier. Arguments are an object there; what the model wrote and is none is shown in one.
    pub(crate) fn tool_use_block(&self, call: &ToolCall) -> Value {
        let input = match &call.arguments {
            object @ Value::Object(_) => object.clone(),
            other => json!({"unreadable": other}),
        };
        (self.tool_use)(call, input)
    }
}
