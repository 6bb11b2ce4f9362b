//! Finds the places of the content where something is said, by words.

use async_trait::async_trait;
use engine::error::Result;
use engine::ports::{Tool, ToolAnswer, ToolExample, ToolScope, ToolSpec};
use engine::step_input::StepInput;
use serde_json::{Value, json};

use crate::answer::{beginning, fitting};
use crate::arguments::{search, search_schema};
use crate::{example, lexical};

const USUAL: usize = 8;
const MOST: usize = 20;

/// Searches the transcript the step was given, or its key sentences where it was given no more.
pub struct SearchTranscript;

impl SearchTranscript {
    /// Its name in the catalogue.
    pub const NAME: &'static str = "search_transcript";
}

#[async_trait]
impl Tool for SearchTranscript {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: Self::NAME.to_owned(),
            description:
                "Searches the transcript by words. Answers with the segments that match: id, time, speaker \
                          and text, verbatim, in order of time."
                    .to_owned(),
            parameters: search_schema("The words to look for, as they may have been said.", MOST),
        }
    }

    async fn call(&self, scope: ToolScope<'_>, arguments: &Value) -> Result<ToolAnswer> {
        let search = search(arguments, USUAL, MOST)?;
        let segments = segments(scope.input);
        let found = best(&segments, search.query, search.limit);
        Ok(ToolAnswer::Answer(json!({ "searched": segments.len(), "segments": found })))
    }

    fn example(&self) -> Option<ToolExample> {
        let segment = |id: &str, start_ms: u64, text: &str| json!({ "id": id, "start_ms": start_ms, "end_ms": null, "speaker": "Ann", "text": text });
        let said = [
            segment("s1", 0, "The council votes on the flood wall."),
            segment("s2", 4_000, "Nobody has costed the storage basin."),
        ];
        let found = json!({ "segment": "s2", "start_ms": 4_000, "speaker": "Ann", "text": said[1]["text"] });
        Some(ToolExample {
            input: example::input("transcription_engineer", json!({ "segments": said })),
            records: Vec::new(),
            arguments: json!({ "query": "storage basin", "limit": null }),
            answer: json!({ "searched": 2, "segments": [found] }),
        })
    }
}

struct Segment<'a> {
    id: &'a str,
    start_ms: Option<u64>,
    speaker: Option<&'a str>,
    text: &'a str,
}

fn best(segments: &[Segment<'_>], query: &str, limit: usize) -> Vec<Value> {
    let words = lexical::query_words(query);
    let phrase = query.to_lowercase();
    let texts: Vec<&str> = segments.iter().map(|segment| segment.text).collect();
    let mut ranked: Vec<(f64, usize)> = lexical::scores(&words, &texts)
        .into_iter()
        .enumerate()
        .filter(|(_, score)| *score > 0.0)
        .map(
            |(at, score)| {
                if texts[at].to_lowercase().contains(&phrase) { (2.0 * score, at) } else { (score, at) }
            },
        )
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked.truncate(limit);
    let rows = ranked.into_iter().map(|(_, at)| {
        let segment = &segments[at];
        json!({
            "position": at,
            "segment": segment.id,
            "start_ms": segment.start_ms,
            "speaker": segment.speaker,
            "text": beginning(segment.text),
        })
    });
    let mut rows = fitting(rows);
    rows.sort_by_key(|row| row["position"].as_u64());
    for row in &mut rows {
        if let Some(fields) = row.as_object_mut() {
            fields.remove("position");
        }
    }
    rows
}

/// All segments where the step has the transcript; else every sentence the map of the content names, each once.
fn segments(input: &StepInput) -> Vec<Segment<'_>> {
    let data = |agent: &str| input.inputs.get(agent).and_then(|input| input.data.as_deref());
    if let Some(transcript) = data("transcription_engineer") {
        return list(&transcript["segments"]).iter().filter_map(|row| segment(row, "id", "text")).collect();
    }
    let Some(map) = data("analysis_cartographer") else { return Vec::new() };
    let mut found: Vec<Segment<'_>> = list(&map["summary"])
        .iter()
        .chain(list(&map["topics"]).iter().flat_map(|topic| list(&topic["key_sentences"])))
        .filter_map(|row| segment(row, "segment", "text"))
        .chain(list(&map["claims"]).iter().filter_map(|row| segment(row, "segment", "quote")))
        .collect();
    found.sort_by(|one, other| place(one).cmp(&place(other)));
    found.dedup_by(|one, other| one.id == other.id);
    found
}

/// `s2` before `s10`.
fn place<'a>(segment: &Segment<'a>) -> (usize, &'a str) {
    (segment.id.len(), segment.id)
}

fn segment<'a>(row: &'a Value, id: &str, text: &str) -> Option<Segment<'a>> {
    Some(Segment {
        id: row[id].as_str()?,
        start_ms: row["start_ms"].as_u64(),
        speaker: row["speaker"].as_str(),
        text: row[text].as_str()?,
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
