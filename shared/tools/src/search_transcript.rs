//! Looks into the transcript, or what the step was given of it.

use async_trait::async_trait;
use engine::error::Result;
use engine::ports::{Tool, ToolAnswer, ToolScope, ToolSpec};
use serde_json::{Value, json};

use crate::search;

pub(crate) struct SearchTranscript;

#[async_trait]
impl Tool for SearchTranscript {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "search_transcript".to_owned(),
            description: "Searches the sentences of the transcript; gives their segment ids, times and speakers.".to_owned(),
            parameters: search::parameters(),
        }
    }

    async fn call(&self, scope: ToolScope<'_>, arguments: &Value) -> Result<ToolAnswer> {
        let query = search::query(arguments)?;
        let mut found = Vec::new();
        for input in scope.input.inputs.values() {
            input.data.iter().for_each(|data| sentences(data, &mut found));
        }
        found.sort_by(|a, b| a["segment"].as_str().cmp(&b["segment"].as_str()));
        found.dedup_by(|a, b| a["segment"] == b["segment"]);
        let scored = found
            .into_iter()
            .map(|sentence| (search::score(&query, sentence["text"].as_str().unwrap_or_default()), sentence))
            .collect();
        Ok(ToolAnswer::Answer(json!({"matches": search::best(scored)})))
    }
}

/// Everything in `data` that is a sentence with a place: `{id | segment, text}`.
fn sentences(data: &Value, found: &mut Vec<Value>) {
    match data {
        Value::Array(values) => values.iter().for_each(|value| sentences(value, found)),
        Value::Object(fields) => {
            let segment = fields.get("segment").or_else(|| fields.get("id")).and_then(Value::as_str);
            if let (Some(segment), Some(text)) = (segment, fields.get("text").and_then(Value::as_str)) {
                let of = |name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
                found.push(json!({
                    "segment": segment, "text": text, "start_ms": of("start_ms"), "speaker": of("speaker"),
                }));
            }
            fields.values().for_each(|value| sentences(value, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_found_wherever_they_stand() {
        let data = json!({"segments": [{"id": "s1", "text": "one", "start_ms": 5}], "topics": [{"key": [{"segment": "s2", "text": "two"}]}]});
        let mut found = Vec::new();
        sentences(&data, &mut found);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0]["start_ms"], 5);
    }
}
