//! A request in the protocol's words.

use engine::ports::{ModelMessage, ModelRequest, ToolSpec};
use serde_json::{Map, Value, json};

use super::schema;
use crate::turns::Blocks;

/// The first version whose models refuse every `temperature` and think by themselves.
const NEWER_FROM: (u32, u32) = (4, 7);

/// The body of a call.
pub(super) fn body(request: &ModelRequest, stream: bool) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("model".into(), request.model.id.clone().into());
    body.insert("max_tokens".into(), request.max_output_tokens.into());
    let system: Vec<&str> = request.messages.iter().filter_map(system_text).collect();
    if !system.is_empty() {
        body.insert("system".into(), system.join("\n\n").into());
    }
    body.insert("messages".into(), BLOCKS.turns(&request.messages).into());
    let format = json!({"type": "json_schema", "schema": schema::known_part(&request.schema)});
    let newer = is_newer(&request.model.id);
    let mut config = json!({"format": format});
    if newer {
        // These think unasked, and what they think counts as output: more of it, and no room is left for the answer.
        config["effort"] = "low".into();
    }
    body.insert("output_config".into(), config);
    if !request.tools.is_empty() {
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    if !newer {
        body.insert("temperature".into(), request.temperature.into());
    }
    if stream {
        body.insert("stream".into(), true.into());
    }
    Value::Object(body).to_string().into_bytes()
}

fn system_text(message: &ModelMessage) -> Option<&str> {
    match message {
        ModelMessage::System { text } if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

/// The protocol's blocks.
pub(super) const BLOCKS: Blocks = Blocks {
    text: |text| json!({"type": "text", "text": text}),
    tool_result: |call, content| json!({"type": "tool_result", "tool_use_id": call, "content": content}),
    tool_use: |call, input| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}),
};

fn tool(tool: &ToolSpec) -> Value {
    json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters})
}

/// Whether a model takes an effort in place of a temperature. Names are `claude-haiku-4-5-20251001` or, older, `claude-3-5-haiku-latest`:
/// the version is the first one or two numbers that are no date. A Claude without a version is a new one.
pub(super) fn is_newer(model: &str) -> bool {
    let Some((_, name)) = model.rsplit_once("claude-").or_else(|| Some(("", model.strip_prefix("claude")?)))
    else {
        return false;
    };
    let version = |part: &str| part.parse::<u32>().ok().filter(|number| *number < 100);
    let mut parts = name.split(['-', '.', '@', ':']).skip_while(|part| version(part).is_none()).map(version);
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), minor) => (major, minor.unwrap_or(0)) >= NEWER_FROM,
        (None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use engine::ports::ToolCall;

    use super::*;

    #[test]
    fn newer_models_are_known_by_their_names() {
        for (model, takes_temperature) in [
            ("claude-haiku-4-5", true),
            ("claude-haiku-4-5-20251001", true),
            ("claude-sonnet-4-20250514", true),
            ("claude-opus-4-6", true),
            ("claude-3-5-haiku-latest", true),
            ("claude-3-opus-20240229", true),
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", true),
            ("claude-opus-4-7", false),
            ("claude-sonnet-5", false),
            ("claude-sonnet-5-5", false),
            ("claude-haiku-5-5-20261001", false),
            ("anthropic/claude-sonnet-5.5", false),
            ("claude-mythos-preview", false),
            ("kimi-k2", true),
        ] {
            assert_eq!(is_newer(model), !takes_temperature, "{model}");
        }
    }

    #[test]
    fn turns_alternate_and_hold_no_empty_text() {
        let user = |text: &str| ModelMessage::User { text: text.into() };
        let call = |id: &str, arguments: Value| ToolCall { id: id.into(), name: "find".into(), arguments };
        let answer = |id: &str, text: &str| ModelMessage::Tool { call_id: id.into(), text: text.into() };
        let found = BLOCKS.turns(&[
            ModelMessage::System { text: "apart".into() },
            user("one"),
            ModelMessage::Assistant {
                text: " \n".into(),
                tool_calls: vec![call("a", json!({"q": 1})), call("b", json!("{\"q"))],
                kept: Vec::new(),
            },
            answer("a", "found"),
            answer("b", ""),
            ModelMessage::Assistant { text: String::new(), tool_calls: Vec::new(), kept: Vec::new() },
            user("two"),
        ]);
        let expected = json!([
            {"role": "user", "content": [{"type": "text", "text": "one"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a", "name": "find", "input": {"q": 1}},
                {"type": "tool_use", "id": "b", "name": "find", "input": {"unreadable": "{\"q"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "found"}]},
                {"type": "tool_result", "tool_use_id": "b", "content": []},
                {"type": "text", "text": "two"}]},
        ]);
        assert_eq!(Value::from(found), expected);
    }
}
