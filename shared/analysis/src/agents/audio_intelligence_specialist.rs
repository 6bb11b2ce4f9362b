//! How it was spoken, from timing alone: pace, pauses, overlaps, the longest turn.

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::read::transcript;
use crate::document::Document;
use crate::{speakers, timing};

const MOST_PAUSES: usize = 20;
const MOST_OVERLAPS: usize = 20;

/// Speakers and turns always; pauses and overlaps where there are times.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let segments = &transcript.segments;
    let document = Document::new(segments, &transcript.language.code);
    let speakers: Vec<Value> = speakers::find(&document)
        .into_iter()
        .map(|speaker| {
            json!({
                "label": speaker.label,
                "words": speaker.words,
                "speaking_ms": speaker.speaking_ms,
                "words_per_minute": speaker.words_per_minute,
            })
        })
        .collect();
    let pauses: Vec<Value> = timing::pauses(segments, MOST_PAUSES)
        .into_iter()
        .map(|pause| {
            json!({
                "after_segment": segments[pause.after].id,
                "before_segment": segments[pause.after + 1].id,
                "ms": pause.length_ms,
            })
        })
        .collect();
    let overlaps: Vec<Value> = timing::overlaps(segments, MOST_OVERLAPS)
        .into_iter()
        .map(|overlap| {
            json!({
                "segment_a": segments[overlap.first].id,
                "segment_b": segments[overlap.first + 1].id,
                "ms": overlap.length_ms,
            })
        })
        .collect();
    let turns = speakers::turns(&document);
    let longest = turns.iter().filter(|turn| turn.label.is_some()).rev().max_by_key(|turn| turn.words);
    let longest_turn = longest
        .map(|turn| json!({"label": turn.label, "segment": segments[turn.first].id, "words": turn.words}));
    let lacking = if transcript.timed {
        "delivery is judged from timing, nobody listened"
    } else {
        "the source has no times, so there is no pace and no pause"
    };
    Analysis::Partial {
        data: json!({
            "timed": transcript.timed,
            "speakers": speakers,
            "pauses": pauses,
            "overlaps": overlaps,
            "longest_turn": longest_turn,
            "delivery": [],
        }),
        lacking: lacking.to_owned(),
    }
}
