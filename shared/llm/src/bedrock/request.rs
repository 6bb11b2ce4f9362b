//! A request in the protocol's words.

use engine::ports::{ModelMessage, ModelRequest, ToolSpec};
use serde_json::{Map, Value, json};

use super::ANSWER_TOOL;
use crate::anthropic::takes_temperature;
use crate::turns::Blocks;

/// The body of a call.
pub(super) fn body(request: &ModelRequest) -> Vec<u8> {
    let mut inference = Map::new();
    inference.insert("maxTokens".into(), request.max_output_tokens.into());
    if takes_temperature(&request.model.id) {
        inference.insert("temperature".into(), request.temperature.into());
    }
    let mut body = json!({
        "messages": BLOCKS.turns(&request.messages),
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
        ModelMessage::System { text } => BLOCKS.text_block(text),
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

/// The protocol's blocks.
const BLOCKS: Blocks = Blocks {
    text: |text| json!({"text": text}),
    tool_result: |call, content| json!({"toolResult": {"toolUseId": call, "content": content}}),
    tool_use: |call, input| json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": input}}),
};
