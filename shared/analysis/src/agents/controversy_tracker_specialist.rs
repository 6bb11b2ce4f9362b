//! Early warning on conflicts: words of disagreement, accusation, heat, law and apology, with their places.

use std::collections::BTreeMap;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::read::transcript;
use crate::cues;
use crate::document::Document;
use crate::speakers::round;

const MOST_SIGNALS: usize = 60;

/// The signals in order, and how often each kind occurs. What they amount to is for a reader.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let document = Document::new(&transcript.segments, &transcript.language.code);
    let found = cues::signals(&document);
    let row = |place: &cues::Place| {
        let segment = &document.segments[place.segment];
        json!({"kind": place.cue, "words": place.words, "segment": segment.id, "start_ms": segment.start_ms})
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for place in &found {
        *counts.entry(place.cue).or_default() += 1;
    }
    let words = document.word_count().max(1) as f64;
    let kind = |(kind, count): (&str, usize)| json!({"kind": kind, "count": count, "per_1000_words": round(count as f64 * 1000.0 / words, 2)});
    Analysis::Partial {
        data: json!({
            "signals": found.iter().take(MOST_SIGNALS).map(row).collect::<Vec<_>>(),
            "count": found.len(),
            "kinds": counts.into_iter().map(kind).collect::<Vec<Value>>(),
            "assessment": null,
        }),
        lacking: "signals are words; nobody weighed what they amount to".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn counts_by_kind_with_places() {
        let segment = |id: &str, text: &str| json!({"id": id, "text": text, "start_ms": 1_000, "end_ms": 2_000, "speaker": "Ann"});
        let transcript = json!({"language": {"code": "en"}, "segments": [
            segment("s1", "I disagree, and that is not true."),
            segment("s2", "The wall is ten metres high."),
            segment("s3", "I apologise for the delay."),
        ]});
        let input = step(Value::Null, json!({"transcription_engineer": transcript}), json!({}));
        let data = check("controversy_tracker_specialist", baseline, &input);
        let kinds = json!([
            {"kind": "apology", "count": 1, "per_1000_words": 55.56},
            {"kind": "disagreement", "count": 2, "per_1000_words": 111.11},
        ]);
        assert_eq!((&data["kinds"], &data["count"]), (&kinds, &json!(3)));
        let first =
            json!({"kind": "disagreement", "words": "I disagree", "segment": "s1", "start_ms": 1_000});
        assert_eq!(data["signals"][0], first);
    }
}
