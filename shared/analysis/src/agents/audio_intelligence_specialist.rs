//! How it was spoken, from timing alone: pace and its changes, pauses, overlaps, the longest turn.

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::read::transcript;
use crate::document::Document;
use crate::{speakers, timing};

const MOST_PAUSES: usize = 20;
const MOST_OVERLAPS: usize = 20;
const MOST_CHANGES: usize = 3;

/// A pause of this length may be worth a listen, as its prompt has it.
const LONG_PAUSE_MS: u64 = 3_000;

/// Speakers and turns always; pace, pauses and overlaps where there are times. A long pause has the words on either side of it:
/// what it may mean hangs on them, and on nothing else of the transcript.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let segments = &transcript.segments;
    let document = Document::new(segments, &transcript.language.code);
    let id = |segment: usize| &segments[segment].id;
    let speakers: Vec<Value> = speakers::find(&document)
        .into_iter()
        .map(|speaker| {
            json!({
                "label": speaker.label,
                "segment": id(speaker.first),
                "words": speaker.words,
                "speaking_ms": speaker.speaking_ms,
                "words_per_minute": speaker.words_per_minute.map(|pace| pace.round() as u64),
            })
        })
        .collect();
    let pauses: Vec<Value> = timing::pauses(segments, MOST_PAUSES)
        .into_iter()
        .map(|pause| {
            let text = |segment: usize| (pause.length_ms >= LONG_PAUSE_MS).then(|| &segments[segment].text);
            json!({
                "after_segment": id(pause.after),
                "before_segment": id(pause.after + 1),
                "text_before": text(pause.after),
                "text_after": text(pause.after + 1),
                "ms": pause.length_ms,
            })
        })
        .collect();
    let overlaps: Vec<Value> = timing::overlaps(segments, MOST_OVERLAPS)
        .into_iter()
        .map(|overlap| {
            json!({
                "segment_a": id(overlap.first),
                "segment_b": id(overlap.first + 1),
                "speaker_a": segments[overlap.first].speaker,
                "speaker_b": segments[overlap.first + 1].speaker,
                "ms": overlap.length_ms,
            })
        })
        .collect();
    let changes: Vec<Value> = timing::pace_changes(&document, MOST_CHANGES)
        .into_iter()
        .map(|parts| {
            let [before, after] = parts
                .map(|part| json!({"segment": id(part.first), "words_per_minute": part.words_per_minute}));
            json!({"before": before, "after": after})
        })
        .collect();
    let turns = speakers::turns(&document);
    let labelled = turns.iter().filter(|turn| turn.label.is_some());
    let longest_turn = labelled.rev().max_by_key(|turn| turn.words).map(|turn| {
        let starts_ms = segments[turn.first].start_ms;
        let ends_ms = segments[turn.first..turn.end].iter().filter_map(|segment| segment.end_ms).max();
        json!({
            "label": turn.label,
            "segment": id(turn.first),
            "words": turn.words,
            "ms": ends_ms.zip(starts_ms).map(|(ends_ms, starts_ms)| ends_ms.saturating_sub(starts_ms)),
        })
    });
    let lacking = if transcript.timed {
        "delivery is judged from timing, nobody listened"
    } else {
        "the transcript has no times, so there is no pace and no pause"
    };
    Analysis::Partial {
        data: json!({
            "timed": transcript.timed,
            "speakers": speakers,
            "pauses": pauses,
            "overlaps": overlaps,
            "longest_turn": longest_turn,
            "pace_changes": changes,
            "delivery": [],
        }),
        lacking: lacking.to_owned(),
    }
}
