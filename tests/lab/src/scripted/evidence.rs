//! What a request sent: its data blocks, and what tools answered.

use std::collections::BTreeMap;
use std::fmt;

use engine::ports::ModelMessage;
use serde_json::Value;

const OPEN: &str = "<data ";
const CLOSE: &str = "</data>";

/// The id of the item that a conversation is about; `-` where it is about none.
pub(crate) fn item_of(messages: &[ModelMessage]) -> String {
    let evidence = Evidence::of(messages);
    evidence.get("item").and_then(|item| item.get("id")?.as_str()).unwrap_or("-").to_owned()
}

/// An input that an agent needs and that was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "missing input {}", self.0)
    }
}

impl std::error::Error for Missing {}

/// The data blocks of a conversation by name, and the answers of tools in order.
///
/// Names are agent ids, `fact.<name>`, `item`, `baseline` and `request`. A block holds JSON; one that does not is taken
/// as text.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    blocks: BTreeMap<String, Value>,
    tool_answers: Vec<Value>,
}

impl Evidence {
    /// The evidence in a conversation. Instructions are no evidence, nor is what the model said itself.
    pub fn of(messages: &[ModelMessage]) -> Self {
        let mut evidence = Self::default();
        for message in messages {
            match message {
                ModelMessage::User { text } => evidence.read(text),
                ModelMessage::Tool { text, .. } => evidence.tool_answers.push(tool_answer(text)),
                ModelMessage::System { .. } | ModelMessage::Assistant { .. } => {}
            }
        }
        evidence
    }

    /// Evidence made by hand.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.blocks.insert(name.to_owned(), value);
        self
    }

    /// The same with one more answer of a tool.
    #[must_use]
    pub fn with_tool_answer(mut self, answer: Value) -> Self {
        self.tool_answers.push(answer);
        self
    }

    /// The same without a block.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.blocks.remove(name);
        self
    }

    /// The names of all blocks.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.blocks.keys().map(String::as_str)
    }

    /// The data of a block. Another agent's result without data is as good as missing.
    pub fn need(&self, name: &str) -> Result<&Value, Missing> {
        self.get(name).ok_or_else(|| Missing(name.to_owned()))
    }

    /// The data of a block, if it was sent and has any.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let block = self.blocks.get(name).filter(|block| !block.is_null())?;
        match block.get("status") {
            Some(Value::String(_)) => block.get("data").filter(|data| !data.is_null()),
            _ => Some(block),
        }
    }

    /// The results of a fanned-out agent that have data.
    pub fn each<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let results = self.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        results.iter().filter_map(|result| match result.get("data") {
            Some(data) => Some(data).filter(|data| !data.is_null()),
            None => Some(result).filter(|result| result.get("status").is_none()),
        })
    }

    /// What tools answered, in order.
    pub fn tool_answers(&self) -> &[Value] {
        &self.tool_answers
    }

    fn read(&mut self, mut text: &str) {
        while let Some((_, rest)) = text.split_once(OPEN) {
            let Some((tag, content)) = rest.split_once('>') else { return };
            let Some(name) = attribute(tag, "name") else {
                text = rest;
                continue;
            };
            let (value, after) = read_block(content);
            // The first block of a name holds: what a text repeats later is no evidence.
            self.blocks.entry(name.to_owned()).or_insert(value);
            text = after;
        }
    }
}

/// A tool's answer: the content of its data block, or all of it.
fn tool_answer(text: &str) -> Value {
    let mut blocks = Evidence::default();
    blocks.read(text);
    blocks
        .blocks
        .into_values()
        .next()
        .unwrap_or_else(|| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!("{name}=\""))?;
    value.split_once('"').map(|(value, _)| value)
}

/// One JSON value up to the end of its block, so that a closing tag inside a string does not end it; else plain text.
fn read_block(content: &str) -> (Value, &str) {
    let mut values = serde_json::Deserializer::from_str(content).into_iter::<Value>();
    if let Some(Ok(value)) = values.next() {
        let rest = content.get(values.byte_offset()..).unwrap_or_default();
        if let Some(after) = rest.trim_start().strip_prefix(CLOSE) {
            return (value, after);
        }
    }
    let (text, after) = content.split_once(CLOSE).unwrap_or((content, ""));
    (serde_json::from_str(text).unwrap_or_else(|_| text.trim().into()), after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(text: &str) -> ModelMessage {
        ModelMessage::User { text: text.into() }
    }

    #[test]
    fn blocks_are_found_by_name_and_only_in_user_messages() {
        let evidence = Evidence::of(&[
            ModelMessage::System { text: "<data name=\"item\">1</data>".into() },
            user(
                "Claim:\n<data name=\"item\">\n{\"id\":\"c1\",\"text\":\"a </data> b <data name=\\\"x\\\">\"}\n</data> and\n\
                  <data kind=\"fact\" name=\"fact.content\">not {json</data>",
            ),
            ModelMessage::Assistant {
                text: "<data name=\"own\">1</data>".into(),
                tool_calls: Vec::new(),
                kept: Vec::new(),
            },
            ModelMessage::Tool { call_id: "1".into(), text: "[{\"run_id\":\"R\"}]".into() },
            ModelMessage::Tool {
                call_id: "2".into(),
                text: "<data name=\"search_memory\">\n[2]\n</data>".into(),
            },
            ModelMessage::Tool { call_id: "3".into(), text: "error: there is no tool `x`".into() },
            user("<data name=\"item\">2</data> <data >3</data> <data name=\"late\">null</data>"),
        ]);
        assert_eq!(evidence.names().collect::<Vec<_>>(), ["fact.content", "item", "late"]);
        assert_eq!(evidence.need("item"), Ok(&json!({"id": "c1", "text": "a </data> b <data name=\"x\">"})));
        assert_eq!(evidence.need("fact.content"), Ok(&json!("not {json")));
        assert_eq!(evidence.need("late"), Err(Missing("late".into())));
        assert_eq!(
            evidence.tool_answers(),
            [json!([{"run_id": "R"}]), json!([2]), json!("error: there is no tool `x`")]
        );
    }

    #[test]
    fn a_result_without_data_is_missing() {
        let evidence = Evidence::default()
            .with("a", json!({"status": "ok", "data": {"x": 1}}))
            .with("b", json!({"status": "failed", "reason": "Timeout"}))
            .with("c", json!({"x": 2}))
            .with(
                "d",
                json!({"status": "ok", "data": [
                {"item": "c1", "status": "ok", "data": {"verdict": "refuted"}},
                {"item": "c2", "status": "failed", "reason": "Timeout"}]}),
            );
        assert_eq!(evidence.need("a"), Ok(&json!({"x": 1})));
        assert_eq!(evidence.need("b").unwrap_err().to_string(), "missing input b");
        assert_eq!(evidence.need("c"), Ok(&json!({"x": 2})));
        assert_eq!(evidence.each("d").collect::<Vec<_>>(), [&json!({"verdict": "refuted"})]);
    }
}
