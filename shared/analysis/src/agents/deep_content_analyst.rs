//! How the content argues: markers of structure, the arc, wording that often goes with a fallacy.

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::read::transcript;
use crate::document::Document;
use crate::segments::Segment;
use crate::{cues, key_phrases, structure, topics};

const MOST_MARKERS: usize = 200;
const MOST_ARGUMENTS: usize = 10;
const MOST_PHRASES: usize = 20;

/// Cues with their place, each marked as possible; what they amount to is for a reader.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let document = Document::new(&transcript.segments, &transcript.language.code);
    let place = |segment: usize| &document.segments[segment];
    let fallacies: Vec<Value> = cues::fallacies(&document)
        .into_iter()
        .map(|cue| {
            let segment = place(cue.segment);
            json!({
                "cue": cue.cue,
                "words": cue.words,
                "segment": segment.id,
                "first_character": characters(segment, cue.range.start),
                "end_character": characters(segment, cue.range.end),
                "start_ms": segment.start_ms,
                "label": "possible",
            })
        })
        .collect();
    let markers = structure::markers(&document);
    let rows: Vec<Value> = markers
        .iter()
        .take(MOST_MARKERS)
        .map(|marker| {
            let segment = place(marker.segment);
            json!({
                "kind": marker.kind,
                "segment": segment.id,
                "start_ms": segment.start_ms,
                "marker": marker.marker,
                "first_character": characters(segment, marker.range.start),
                "end_character": characters(segment, marker.range.end),
            })
        })
        .collect();
    let topics = topics::find(&document, &key_phrases::find(&document, MOST_PHRASES));
    let arc: Vec<Value> = structure::arc(&document, &topics)
        .into_iter()
        .enumerate()
        .map(|(position, part)| {
            let segment = place(part.first);
            json!({
                "part": position + 1,
                "start_ms": segment.start_ms,
                "first_segment": segment.id,
                "sentences": part.sentences,
                "questions": part.questions,
                "terms": part.terms,
            })
        })
        .collect();
    let quote = |segment: &Segment| json!({"text": segment.text, "segment": segment.id});
    let arguments: Vec<Value> = structure::arguments(&document, &markers, MOST_ARGUMENTS)
        .into_iter()
        .map(|(conclusion, premises)| {
            json!({
                "conclusion": quote(place(conclusion)),
                "premises": premises.into_iter().map(|premise| quote(place(premise))).collect::<Vec<_>>(),
                "weakness": null,
            })
        })
        .collect();
    Analysis::Partial {
        data: json!({"cues": fallacies, "structure": rows, "arc": arc, "arguments": arguments}),
        lacking: "arguments are found by markers of wording and their strength is not judged".to_owned(),
    }
}

/// How many characters of a segment's text stand before one of its bytes.
fn characters(segment: &Segment, byte: usize) -> usize {
    segment.text.get(..byte).map_or(0, |before| before.chars().count())
}
