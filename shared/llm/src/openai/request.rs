//! A request in the protocol's words.

use engine::ports::{ModelMessage, ModelRequest, ToolCall, ToolSpec};
use reqwest::Url;
use serde_json::{Map, Value, json};

const LONGEST_NAME: usize = 64;

/// Model families that refuse any `temperature` but their own; so does `gpt-` from this version on.
const FIXED_TEMPERATURE: [&str; 3] = ["o1", "o3", "o4"];
const FIXED_TEMPERATURE_FROM_GPT: u32 = 5;

/// The body of a call to `address`.
pub(super) fn body(request: &ModelRequest, address: &Url, stream: bool) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("model".into(), request.model.id.clone().into());
    body.insert("messages".into(), request.messages.iter().map(message).collect());
    body.insert("response_format".into(), response_format(request));
    if !request.tools.is_empty() {
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    body.insert(limit_name(address).into(), request.max_output_tokens.into());
    if takes_temperature(&request.model.id) {
        body.insert("temperature".into(), request.temperature.into());
    }
    if stream {
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    Value::Object(body).to_string().into_bytes()
}

/// OpenAI's own servers know only the newer name; most others only the older one, and would ignore the newer.
fn limit_name(address: &Url) -> &'static str {
    let host = address.host_str().unwrap_or_default();
    let is_openai = ["openai.com", "openai.azure.com"]
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if is_openai { "max_completion_tokens" } else { "max_tokens" }
}

fn takes_temperature(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let in_family = |family: &str| {
        name.strip_prefix(family)
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
    };
    let gpt_version = name.strip_prefix("gpt-").and_then(|rest| {
        rest.split(|next: char| !next.is_ascii_digit()).next().and_then(|digits| digits.parse::<u32>().ok())
    });
    let is_newer_gpt = gpt_version.is_some_and(|version| version >= FIXED_TEMPERATURE_FROM_GPT);
    let is_fixed = is_newer_gpt && !name.contains("-chat");
    !is_fixed && !FIXED_TEMPERATURE.into_iter().any(in_family)
}

fn response_format(request: &ModelRequest) -> Value {
    let mut schema = request.schema.clone();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
        schema.remove("$id");
    }
    let name: String = request
        .schema_name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' })
        .take(LONGEST_NAME)
        .collect();
    json!({"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": true}})
}

fn message(message: &ModelMessage) -> Value {
    match message {
        ModelMessage::System { text } => json!({"role": "system", "content": text}),
        ModelMessage::User { text } => json!({"role": "user", "content": text}),
        ModelMessage::Assistant { text, tool_calls, .. } if tool_calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        ModelMessage::Assistant { text, tool_calls, .. } => json!({
            "role": "assistant",
            "content": if text.is_empty() { Value::Null } else { text.as_str().into() },
            "tool_calls": tool_calls.iter().map(tool_call).collect::<Vec<_>>(),
        }),
        ModelMessage::Tool { call_id, text } => {
            json!({"role": "tool", "tool_call_id": call_id, "content": text})
        }
    }
}

fn tool_call(call: &ToolCall) -> Value {
    let arguments = match &call.arguments {
        Value::String(unreadable) => unreadable.clone(),
        arguments => arguments.to_string(),
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_told_the_limit_by_the_name_it_knows() {
        for (base, expected) in [
            ("https://api.openai.com/v1", "max_completion_tokens"),
            ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
            ("https://notopenai.com/v1", "max_tokens"),
            ("https://openrouter.ai/api/v1", "max_tokens"),
            ("http://127.0.0.1:11434/v1", "max_tokens"),
        ] {
            assert_eq!(limit_name(&Url::parse(base).unwrap()), expected, "{base}");
        }
    }

    #[test]
    fn families_with_their_own_temperature_are_not_told_one() {
        for (model, expected) in [
            ("gpt-4.1-mini", true),
            ("gpt-4o", true),
            ("o3-mini", false),
            ("openai/o1", false),
            ("gpt-5", false),
            ("gpt-5.2", false),
            ("openai/gpt-5-mini", false),
            ("gpt-6.1-terra", false),
            ("gpt-5-chat-latest", true),
            ("openai/gpt-oss-120b", true),
            ("o300-custom", true),
            ("llama3.2", true),
        ] {
            assert_eq!(takes_temperature(model), expected, "{model}");
        }
    }
}
