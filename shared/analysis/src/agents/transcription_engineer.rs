//! The transcript: sentences with times and speakers, the language, who spoke how much.

use std::sync::LazyLock;

use engine::error::{Error, ErrorKind};
use engine::step_input::{Analysis, StepInput};
use regex::Regex;
use serde_json::{Value, json};

use super::input::read;
use super::read::Content;
use crate::document::Document;
use crate::segments::Segment;
use crate::{entities, language, pattern, segments, speakers};

/// Reads the content. Content without words fails, with the line where that is known.
pub fn baseline(input: &StepInput) -> Analysis {
    let acquired = |field: &str| {
        input.ok("acquisition_specialist").and_then(|data| data[field].as_str()).unwrap_or_default()
    };
    let rung = acquired("rung");
    if matches!(rung, "audio_to_transcribe" | "metadata_only" | "blocked") {
        let mut message = format!("there is no transcript to read: the source ended at {rung}");
        for more in [acquired("reason"), acquired("instead")].into_iter().filter(|more| !more.is_empty()) {
            message.push_str("; ");
            message.push_str(more);
        }
        return Analysis::Fail(Error::new(ErrorKind::UnsupportedMedia, message));
    }
    let content: Content = read(input.fact("content"));
    let captions = match content.captions(&input.request.source_name) {
        Ok(captions) => captions,
        Err(error) => {
            let line = error.line;
            return Analysis::Fail(Error::new(ErrorKind::InvalidInput, error.to_string()).with("line", line));
        }
    };
    let segments = segments::from_cues(&captions.cues);
    if segments.is_empty() {
        return Analysis::Fail(Error::new(ErrorKind::InvalidInput, "there are no words in the transcript"));
    }
    let language = language::detect(segments.iter().map(|segment| segment.text.as_str()));
    let document = Document::new(&segments, &language.code);
    let timed = segments.iter().any(|segment| segment.start_ms.is_some());
    let first_ms = segments.iter().filter_map(|segment| segment.start_ms).min();
    let last_ms = segments.iter().filter_map(|segment| segment.end_ms).max();
    let speakers: Vec<Value> = speakers::find(&document)
        .into_iter()
        .map(|speaker| {
            json!({
                "label": speaker.label,
                "turns": speaker.turns,
                "words": speaker.words,
                "share": speaker.share,
                "words_per_minute": speaker.words_per_minute,
            })
        })
        .collect();
    Analysis::Complete(json!({
        "language": {"code": language.code, "confidence": language.confidence, "reliable": language.reliable},
        "timed": timed,
        "duration_ms": last_ms.zip(first_ms).map(|(last_ms, first_ms)| last_ms.saturating_sub(first_ms)),
        "word_count": document.readable_words(),
        "speakers": speakers,
        "segments": segments,
        "dropped_cues": captions.dropped,
        "warnings": captions.warnings,
        "names": names(&segments),
    }))
}

static INTRODUCTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:I['’]m|I am|[Mm]y name is|[Ii]ch bin|[Mm]ein Name ist|[Mm]e llamo|[Jj]e suis|[Mm]i chiamo)\s+(\p{Lu}[\p{L}'’-]+(?:\s+\p{Lu}[\p{L}'’-]+){1,2})",
    )
});

/// Speakers who say who they are, where their label does not say it already.
fn names(segments: &[Segment]) -> Vec<Value> {
    const MOST: usize = 20;
    let mut names: Vec<Value> = Vec::new();
    for segment in segments {
        let label = segment.speaker.as_deref().unwrap_or(speakers::UNKNOWN);
        if label != speakers::UNKNOWN && entities::is_personal(label) {
            continue;
        }
        if let Some(name) = INTRODUCTION.captures(&segment.text).and_then(|found| found.get(1))
            && names.len() < MOST
            && names.iter().all(|row| row["label"] != label || row["name"] != name.as_str())
        {
            names.push(
                json!({"label": label, "name": name.as_str(), "segment": segment.id, "quote": segment.text}),
            );
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn noise_without_spaces_is_read_and_not_counted() {
        let text = format!("{}\n\nThe council voted on Monday.", "abcdefghij".repeat(50_000));
        let facts = json!({"content": {"format": "text", "text": text}});
        let input = step(Value::Null, json!({"acquisition_specialist": {"rung": "full_text"}}), facts);
        assert_eq!(check("transcription_engineer", baseline, &input)["word_count"], 5);
    }

    #[test]
    fn what_is_wrong_with_the_source_is_kept() {
        let check = |text: &str, timed: bool, warnings: &[&str]| {
            let facts = json!({"content": {"format": "text", "text": text}});
            let input = step(Value::Null, json!({"acquisition_specialist": {"rung": "full_text"}}), facts);
            let data = check("transcription_engineer", baseline, &input);
            assert_eq!((&data["timed"], &data["warnings"]), (&json!(timed), &json!(warnings)), "{text}");
        };
        check("My talk\n0:00 hello\n0:05 world\n0:09 again", true, &[]);
        let before = "line 3: times were left out because the one here is before the one above it";
        check("0:00 hello\n0:09 world\n0:05 again", false, &[before]);
    }
}
