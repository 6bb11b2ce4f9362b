//! Anthropic's Messages on the wire: reading a request, writing an answer whole or in events. It refuses what the true one
//! refuses: empty texts, tool calls without their answers, bounds in a schema.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use engine::ports::{ModelMessage, ToolCall, ToolSpec};
use serde_json::{Value, json};

use super::read::{field, list, text};
use super::turn::{Asked, Said};

const LETTERS_PER_EVENT: usize = 64;
const BOUNDS: [&str; 8] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "maxItems",
    "multipleOf",
];

/// A request body; the error says what a provider would say.
pub(super) fn read(body: &Value) -> Result<Asked, String> {
    let schema = body.pointer("/output_config/format").filter(|format| format["type"] == "json_schema");
    let schema = field(schema.ok_or("output_config.format must be a json_schema")?, "schema");
    if let Some(bound) = bound(&schema) {
        return Err(format!("output_config.format.schema: property '{bound}' is not supported"));
    }
    let system = text(body, "system");
    let mut messages = vec![ModelMessage::System { text: system.to_owned() }];
    let mut before = "assistant";
    for turn in list(body, "messages") {
        let role = text(turn, "role");
        if role == before {
            return Err(format!("messages: two turns of `{role}` in a row"));
        }
        before = if role == "assistant" { "assistant" } else { "user" };
        match role {
            "user" => user(turn, &mut messages)?,
            "assistant" => messages.push(assistant(turn)?),
            other => return Err(format!("messages: unexpected role `{other}`")),
        }
    }
    Ok(Asked {
        model: body.get("model").and_then(Value::as_str).ok_or("model is required")?.to_owned(),
        agent: agents().get(system).cloned().unwrap_or_else(|| "stranger".to_owned()),
        messages,
        schema,
        tools: list(body, "tools").iter().map(tool).collect(),
        max_output_tokens: body.get("max_tokens").and_then(Value::as_u64).ok_or("max_tokens is required")?,
    })
}

/// The protocol names no schema, so an agent is known by its instructions.
fn agents() -> &'static BTreeMap<String, String> {
    static AGENTS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    AGENTS.get_or_init(|| {
        let agents = boot::load_catalogue().map(|catalogue| catalogue.agents).unwrap_or_default();
        agents.iter().map(|agent| (agent.prompt.system.clone(), agent.id.as_str().to_owned())).collect()
    })
}

/// The first bound a schema may not have; names of properties are none.
fn bound(schema: &Value) -> Option<&str> {
    match schema {
        Value::Array(parts) => parts.iter().find_map(bound),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| match (name.as_str(), value) {
            ("properties" | "$defs", Value::Object(named)) => named.values().find_map(bound),
            (name, _) if BOUNDS.contains(&name) => Some(name),
            (_, value) => bound(value),
        }),
        _ => None,
    }
}

fn user(turn: &Value, messages: &mut Vec<ModelMessage>) -> Result<(), String> {
    let open: Vec<String> = match messages.last() {
        Some(ModelMessage::Assistant { tool_calls, .. }) => {
            tool_calls.iter().map(|call| call.id.clone()).collect()
        }
        _ => Vec::new(),
    };
    let mut answered = Vec::new();
    for block in list(turn, "content") {
        match text(block, "type") {
            "text" => messages.push(ModelMessage::User { text: filled(block)?.to_owned() }),
            "tool_result" => {
                let call_id = text(block, "tool_use_id").to_owned();
                answered.push(call_id.clone());
                let parts = list(block, "content").iter().map(|part| text(part, "text"));
                messages.push(ModelMessage::Tool { call_id, text: parts.collect() });
            }
            other => return Err(format!("messages: unexpected block `{other}`")),
        }
    }
    match answered == open {
        true => Ok(()),
        false => Err("messages: each tool_use must have its tool_result in the next turn".to_owned()),
    }
}

fn assistant(turn: &Value) -> Result<ModelMessage, String> {
    let (mut said, mut tool_calls) = (String::new(), Vec::new());
    for block in list(turn, "content") {
        match text(block, "type") {
            "text" => said.push_str(filled(block)?),
            "tool_use" if block["input"].is_object() => tool_calls.push(ToolCall {
                id: text(block, "id").to_owned(),
                name: text(block, "name").to_owned(),
                arguments: field(block, "input"),
            }),
            other => return Err(format!("messages: unexpected block `{other}`")),
        }
    }
    Ok(ModelMessage::Assistant { text: said, tool_calls, kept: Vec::new() })
}

fn filled(block: &Value) -> Result<&str, String> {
    Some(text(block, "text"))
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| "messages: text content blocks must be non-empty".to_owned())
}

fn tool(tool: &Value) -> ToolSpec {
    ToolSpec {
        name: text(tool, "name").to_owned(),
        description: text(tool, "description").to_owned(),
        parameters: field(tool, "input_schema"),
    }
}

fn stop(said: &Said) -> Value {
    let reason = match said {
        Said { refusal: Some(_), .. } => "refusal",
        Said { cut_off: true, .. } => "max_tokens",
        Said { tool_calls, .. } if !tool_calls.is_empty() => "tool_use",
        _ => "end_turn",
    };
    let details = said.refusal.as_ref().map(|why| json!({"type": "refusal", "explanation": why}));
    json!({"stop_reason": reason, "stop_sequence": null, "stop_details": details})
}

fn usage(said: &Said) -> Value {
    json!({
        "input_tokens": said.usage.input_tokens,
        "cache_creation_input_tokens": said.usage.cache_write_tokens,
        "cache_read_input_tokens": said.usage.cached_tokens,
        "output_tokens": said.usage.output_tokens + said.usage.reasoning_tokens,
        "output_tokens_details": {"thinking_tokens": said.usage.reasoning_tokens},
    })
}

fn message(number: u64, model: &str, content: Vec<Value>, stop: &Value, usage: &Value) -> Value {
    let mut message = json!({"id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": model,
        "content": content, "usage": usage});
    for (name, value) in stop.as_object().into_iter().flatten() {
        message[name.as_str()] = value.clone();
    }
    message
}

/// The whole answer.
pub(super) fn plain(number: u64, model: &str, said: &Said) -> Value {
    let text = (!said.text.is_empty()).then(|| json!({"type": "text", "text": said.text}));
    let calls = said
        .tool_calls
        .iter()
        .map(|call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}));
    message(number, model, text.into_iter().chain(calls).collect(), &stop(said), &usage(said))
}

/// The answer in server-sent events.
pub(super) fn events(number: u64, model: &str, said: &Said) -> Vec<String> {
    let event = |event: Value| format!("event: {}\ndata: {event}\n\n", text(&event, "type"));
    let mut begun = usage(said);
    begun["output_tokens"] = 1.into();
    begun["output_tokens_details"] = Value::Null;
    let unstopped = json!({"stop_reason": null, "stop_sequence": null});
    let start = message(number, model, Vec::new(), &unstopped, &begun);
    let mut events =
        vec![event(json!({"type": "message_start", "message": start})), event(json!({"type": "ping"}))];
    let mut index = 0;
    let mut block = |begin: Value, deltas: Vec<Value>| {
        events.push(event(json!({"type": "content_block_start", "index": index, "content_block": begin})));
        events.extend(
            deltas
                .into_iter()
                .map(|delta| event(json!({"type": "content_block_delta", "index": index, "delta": delta}))),
        );
        events.push(event(json!({"type": "content_block_stop", "index": index})));
        index += 1;
    };
    if !said.text.is_empty() {
        let letters: Vec<char> = said.text.chars().collect();
        let pieces = letters.chunks(LETTERS_PER_EVENT);
        let deltas =
            pieces.map(|piece| json!({"type": "text_delta", "text": piece.iter().collect::<String>()}));
        block(json!({"type": "text", "text": ""}), deltas.collect());
    }
    for call in &said.tool_calls {
        let begin = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
        block(begin, vec![json!({"type": "input_json_delta", "partial_json": call.arguments.to_string()})]);
    }
    let end = json!({"type": "message_delta", "delta": stop(said), "usage": {
        "output_tokens": said.usage.output_tokens + said.usage.reasoning_tokens,
        "output_tokens_details": {"thinking_tokens": said.usage.reasoning_tokens}}});
    events.extend([event(end), event(json!({"type": "message_stop"}))]);
    events
}

/// An error body; `kind` is the other protocol's name for what happened.
pub(super) fn error(message: &str, kind: &str) -> Value {
    let kind = match kind {
        "model_not_found" => "not_found_error",
        "rate_limit_exceeded" => "rate_limit_error",
        "insufficient_quota" => "billing_error",
        "server_error" => "api_error",
        other => other,
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"})
}
