//! A request in the protocol's words.

use engine::ports::{ModelMessage, ModelRequest, ToolCall, ToolSpec};
use serde_json::{Map, Value, json};

use super::ANSWER_TOOL;
use crate::anthropic::takes_temperature;

/// The body of a call.
pub(super) fn body(request: &ModelRequest) -> Vec<u8> {
    let mut inference = Map::new();
    inference.insert("maxTokens".into(), request.max_output_tokens.into());
    if takes_temperature(&request.model.id) {
        inference.insert("temperature".into(), request.temperature.into());
    }
    let mut body = json!({
        "messages": messages(&request.messages),
        "inferenceConfig": inference,
        "toolConfig": tools(request),
    });
    let system: Vec<Value> = request.messages.iter().filter_map(system_block).collect();
    if !system.is_empty() {
        body["system"] = system.into();
    }
    body.to_string().into_bytes()
}

fn system_block(message: &ModelMessage) -> Option<Value> {
    match message {
        ModelMessage::System { text } => text_block(text),
        _ => None,
    }
}

/// The tools, and the one whose input is the answer; one of them must be called.
fn tools(request: &ModelRequest) -> Value {
    let mut schema = request.schema.clone();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$schema");
        fields.remove("$id");
    }
    let answer = ToolSpec {
        name: ANSWER_TOOL.to_owned(),
        description: format!(
            "Gives the answer of {}: call it once, when the answer is ready.",
            request.schema_name
        ),
        parameters: schema,
    };
    let choice = match request.tools.is_empty() {
        true => json!({"tool": {"name": ANSWER_TOOL}}),
        false => json!({"any": {}}),
    };
    let specs: Vec<Value> = request.tools.iter().chain([&answer]).map(tool).collect();
    json!({"tools": specs, "toolChoice": choice})
}

fn tool(tool: &ToolSpec) -> Value {
    json!({"toolSpec": {"name": tool.name, "description": tool.description, "inputSchema": {"json": tool.parameters}}})
}

/// Turns by who speaks: what comes one after another from the same side is one turn, so the answers to all tool calls of
/// a turn stand together, as they must.
fn messages(messages: &[ModelMessage]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message {
            ModelMessage::System { .. } => continue,
            ModelMessage::User { text } => ("user", text_block(text).into_iter().collect::<Vec<_>>()),
            ModelMessage::Tool { call_id, text } => {
                let content: Vec<_> = text_block(text).into_iter().collect();
                ("user", vec![json!({"toolResult": {"toolUseId": call_id, "content": content}})])
            }
            ModelMessage::Assistant { kept, .. } if !kept.is_empty() => ("assistant", kept.clone()),
            ModelMessage::Assistant { text, tool_calls, .. } => {
                ("assistant", text_block(text).into_iter().chain(tool_calls.iter().map(tool_use)).collect())
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
fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"text": text}))
}

/// A call the model made earlier. Arguments are an object there; what the model wrote and is none is shown in one.
fn tool_use(call: &ToolCall) -> Value {
    let input = match &call.arguments {
        object @ Value::Object(_) => object.clone(),
        other => json!({"unreadable": other}),
    };
    json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": input}})
}
