//! The transcript: sentences with times and speakers, the language, who spoke how much.

use engine::error::{Error, ErrorKind};
use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::read;
use super::read::Content;
use crate::document::Document;
use crate::segments::Segment;
use crate::{entities, language, segments, speakers};

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

/// What people say before their name.
const INTRODUCTIONS: [&str; 15] = [
    "I'm",
    "I’m",
    "I am",
    "My name is",
    "my name is",
    "Ich bin",
    "ich bin",
    "Mein Name ist",
    "mein Name ist",
    "Me llamo",
    "me llamo",
    "Je suis",
    "je suis",
    "Mi chiamo",
    "mi chiamo",
];

/// The first name in a text that somebody says is theirs.
fn introduced(text: &str) -> Option<&str> {
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let name = |(at, introduction): (usize, &str)| {
        let rest = &text[at + introduction.len()..];
        if text[..at].ends_with(is_of_word) || !rest.starts_with(char::is_whitespace) {
            return None;
        }
        Some((at, full_name(rest.trim_start())?))
    };
    let found = INTRODUCTIONS.iter().flat_map(|introduction| text.match_indices(introduction));
    found.filter_map(name).min_by_key(|(at, _)| *at).map(|(_, name)| name)
}

/// The two or three words with capitals that a text begins with.
fn full_name(text: &str) -> Option<&str> {
    let is_of_name = |letter: char| letter.is_alphabetic() || matches!(letter, '\'' | '’' | '-');
    let mut end = 0;
    for count in 0..3 {
        let rest = text[end..].trim_start();
        let word = &rest[..rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len())];
        if !word.starts_with(char::is_uppercase) || word.chars().nth(1).is_none() {
            return (count >= 2).then(|| &text[..end]);
        }
        end = text.len() - rest.len() + word.len();
    }
    Some(&text[..end])
}

/// Speakers who say who they are, where their label does not say it already.
fn names(segments: &[Segment]) -> Vec<Value> {
    const MOST: usize = 20;
    let mut names: Vec<Value> = Vec::new();
    for segment in segments {
        let label = segment.speaker.as_deref().unwrap_or(speakers::UNKNOWN);
        if label != speakers::UNKNOWN && entities::is_personal(label) {
            continue;
        }
        if let Some(name) = introduced(&segment.text)
            && names.len() < MOST
            && names.iter().all(|row| row["label"] != label || row["name"] != name)
        {
            names.push(json!({"label": label, "name": name, "segment": segment.id, "quote": segment.text}));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn who_introduces_themselves_is_heard() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(introduced(text), expected, "{text}");
        check("Welcome back. I'm Mara Ellison, and my guest is here.", Some("Mara Ellison"));
        check("I’m Mara  O’Neill-Hart\tJones Smith", Some("Mara  O’Neill-Hart\tJones"));
        check("Hallo, ich bin Jörg Müller.", Some("Jörg Müller"));
        check("Je suis Élodie Durand", Some("Élodie Durand"));
        check("I am Ann, I mean: my name is Ann Lee", Some("Ann Lee"));
        check("My name is Ann Lee. I am Bob Ray.", Some("Ann Lee"));
        check("I am John F Kennedy", None);
        check("I am Mara", None);
        check("I am here Today", None);
        check("I'm Mara, Ellison", None);
        check("I'mMara Ellison", None);
        check("Who am I? xI am Mara Ellison", None);
        check("I am", None);
        check("", None);
        // It must not take long.
        check(&"I'm".repeat(500_000), None);
    }

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
