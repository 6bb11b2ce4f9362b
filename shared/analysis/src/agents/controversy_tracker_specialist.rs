//! Early warning on conflicts: words of disagreement, accusation, heat, law and apology, with their places.

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input;
use crate::cues;
use crate::document::Document;
use crate::segments::Segment;

const MOST_SIGNALS: usize = 60;

/// Signals in the sentences the map quotes; the level follows from their number and kind.
pub fn baseline(input: &StepInput) -> Analysis {
    let map = input::cartography(input);
    let segments: Vec<Segment> = map
        .passages()
        .into_iter()
        .map(|sentence| Segment {
            id: sentence.segment,
            start_ms: sentence.start_ms,
            speaker: sentence.speaker,
            text: sentence.text,
            ..Segment::default()
        })
        .collect();
    let document = Document::new(&segments, &map.language);
    let found = cues::signals(&document);
    let rows: Vec<Value> = found
        .iter()
        .take(MOST_SIGNALS)
        .map(|place| {
            let segment = &segments[place.segment];
            json!({
                "kind": place.cue,
                "words": place.words,
                "segment": segment.id,
                "start_ms": segment.start_ms,
            })
        })
        .collect();
    Analysis::Partial {
        data: json!({
            "signals": rows,
            "count": found.len(),
            "level": level(&found, document.word_count()),
            "assessment": null,
        }),
        lacking: "signals are words; nobody weighed what they amount to".to_owned(),
    }
}

/// Accusations, heat and law weigh double; an apology takes heat out.
fn level(found: &[cues::Place], words: usize) -> &'static str {
    let weight: f64 = found
        .iter()
        .map(|place| match place.cue {
            "accusation" | "heated" | "legal" => 2.0,
            "apology" => 0.0,
            _ => 1.0,
        })
        .sum();
    let per_1000_words = weight * 1000.0 / words.max(400) as f64;
    match per_1000_words {
        rate if rate <= 0.0 => "none",
        rate if rate < 5.0 => "low",
        rate if rate < 15.0 => "elevated",
        _ => "high",
    }
}
