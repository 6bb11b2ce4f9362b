//! Chat completions on the wire: reading a request, writing an answer whole or in events.

use engine::ports::{ModelMessage, ToolCall, ToolSpec};
use serde_json::{Value, json};

use super::read::{field, list, text};
use super::turn::{Asked, Said};

const CREATED: u64 = 1_795_341_600;
const LETTERS_PER_EVENT: usize = 64;

/// A request body; the error says what a provider would say.
pub(super) fn read(body: &Value) -> Result<Asked, String> {
    let format = field(body, "response_format");
    let (name, schema) = match format.pointer("/json_schema/name").and_then(Value::as_str) {
        Some(name) if format["json_schema"]["strict"] == true => {
            (name, field(&format["json_schema"], "schema"))
        }
        _ => return Err("response_format must be a strict json_schema with a name".to_owned()),
    };
    let limit = body.get("max_completion_tokens").or_else(|| body.get("max_tokens")).and_then(Value::as_u64);
    Ok(Asked {
        model: body.get("model").and_then(Value::as_str).ok_or("model is required")?.to_owned(),
        agent: name.to_owned(),
        messages: list(body, "messages").iter().map(message).collect::<Result<_, _>>()?,
        schema,
        tools: list(body, "tools").iter().map(tool).collect(),
        max_output_tokens: limit.ok_or("max_tokens is required")?,
    })
}

fn message(message: &Value) -> Result<ModelMessage, String> {
    let content = text(message, "content").to_owned();
    Ok(match text(message, "role") {
        "system" | "developer" => ModelMessage::System { text: content },
        "user" => ModelMessage::User { text: content },
        "tool" => ModelMessage::Tool { call_id: text(message, "tool_call_id").to_owned(), text: content },
        "assistant" => {
            let calls = list(message, "tool_calls").iter().map(|call| {
                let function = field(call, "function");
                let arguments = serde_json::from_str(text(&function, "arguments"))
                    .map_err(|_| "tool arguments must be JSON in a string".to_owned())?;
                Ok(ToolCall {
                    id: text(call, "id").to_owned(),
                    name: text(&function, "name").to_owned(),
                    arguments,
                })
            });
            let tool_calls = calls.collect::<Result<_, String>>()?;
            ModelMessage::Assistant { text: content, tool_calls, kept: Vec::new() }
        }
        role => return Err(format!("unknown role `{role}`")),
    })
}

fn tool(tool: &Value) -> ToolSpec {
    let function = field(tool, "function");
    ToolSpec {
        name: text(&function, "name").to_owned(),
        description: text(&function, "description").to_owned(),
        parameters: field(&function, "parameters"),
    }
}

fn finish_reason(said: &Said) -> &'static str {
    match said {
        Said { cut_off: true, .. } => "length",
        Said { tool_calls, .. } if !tool_calls.is_empty() => "tool_calls",
        _ => "stop",
    }
}

fn usage(said: &Said) -> Value {
    let (prompt, completion) =
        (said.usage.prompt_tokens(), said.usage.output_tokens + said.usage.reasoning_tokens);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": said.usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": said.usage.reasoning_tokens},
    })
}

fn tool_call(call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments.to_string()});
    json!({"id": call.id, "type": "function", "function": function})
}

/// The whole answer.
pub(super) fn plain(number: u64, model: &str, said: &Said) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text, "refusal": said.refusal});
    if !said.tool_calls.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = said.tool_calls.iter().map(tool_call).collect();
    }
    json!({
        "id": format!("chatcmpl-{number}"),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(said)}],
        "usage": usage(said),
    })
}

/// The answer in server-sent events; `with_usage` if the client asked for it.
pub(super) fn events(number: u64, model: &str, said: &Said, with_usage: bool) -> Vec<String> {
    let event = |choices: Value, usage: Value| {
        let event = json!({"id": format!("chatcmpl-{number}"), "object": "chat.completion.chunk", "created": CREATED,
            "model": model, "choices": choices, "usage": usage});
        format!("data: {event}\n\n")
    };
    let delta = |delta: Value, finish: Value| {
        event(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), Value::Null)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
    let letters: Vec<_> = said.text.chars().collect();
    for part in letters.chunks(LETTERS_PER_EVENT) {
        events.push(delta(json!({"content": part.iter().collect::<String>()}), Value::Null));
    }
    if let Some(refusal) = &said.refusal {
        events.push(delta(json!({"refusal": refusal}), Value::Null));
    }
    for (index, call) in said.tool_calls.iter().enumerate() {
        let mut call = tool_call(call);
        call["index"] = index.into();
        events.push(delta(json!({"tool_calls": [call]}), Value::Null));
    }
    events.push(delta(json!({}), finish_reason(said).into()));
    if with_usage {
        events.push(event(json!([]), usage(said)));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// An error body.
pub(super) fn error(message: &str, kind: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": kind}})
}
