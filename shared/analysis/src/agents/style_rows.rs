//! Rows of results on tone and wording, each with its places.

use serde_json::{Value, json};

use crate::certainty::{self, SpeakerWording, Wording};
use crate::cues::{MOST_EXAMPLES, Place};
use crate::document::Document;
use crate::readability::Readability;
use crate::repetition::{Cue, Phrase, Repetition};
use crate::sourcing::Sourcing;
use crate::speakers::round;
use crate::tone::{Bin, Tone};

const BASIS: &str = "VADER: rated words and rules on the words around them, sentence by sentence; the wording, not what is \
    meant";
/// More speakers than this are no table to read.
const MOST_SPEAKERS: usize = 30;

/// Words in their place.
pub(super) fn place(document: &Document<'_>, place: &Place) -> Value {
    let segment = &document.segments[place.segment];
    json!({"segment": segment.id, "start_ms": segment.start_ms, "words": place.words})
}

/// The first few places.
pub(super) fn places(document: &Document<'_>, places: &[Place]) -> Vec<Value> {
    places.iter().take(MOST_EXAMPLES).map(|row| place(document, row)).collect()
}

/// The tone of a transcript; the topics are those it was computed with, in their order.
pub(super) fn sentiment(document: &Document<'_>, tone: &Tone, topics: &[crate::topics::Topic]) -> Value {
    let bin = |bin: &Bin| {
        json!({
            "start_ms": bin.span_ms.map(|(start_ms, _)| start_ms),
            "end_ms": bin.span_ms.map(|(_, end_ms)| end_ms),
            "first_segment": document.segments[*bin.segments.start()].id,
            "last_segment": document.segments[*bin.segments.end()].id,
            "value": bin.mean.value,
            "sentences": bin.mean.sentences,
        })
    };
    let by_topic: Vec<Value> = topics
        .iter()
        .zip(&tone.by_topic)
        .enumerate()
        .map(|(position, (topic, mean))| {
            json!({
                "topic": format!("t{}", position + 1),
                "first_segment": document.segments[topic.segments.start].id,
                "last_segment": document.segments[topic.segments.end - 1].id,
                "value": mean.value,
                "sentences": mean.sentences,
            })
        })
        .collect();
    let by_speaker: Vec<Value> = tone
        .by_speaker
        .iter()
        .take(MOST_SPEAKERS)
        .map(|(label, mean)| json!({"label": label, "value": mean.value, "sentences": mean.sentences}))
        .collect();
    let extremes = |rows: &[(usize, f64)]| -> Vec<Value> {
        rows.iter()
            .map(|(segment, value)| {
                let row = &document.segments[*segment];
                json!({
                    "segment": row.id,
                    "start_ms": row.start_ms,
                    "speaker": row.speaker,
                    "text": row.text,
                    "value": value,
                })
            })
            .collect()
    };
    let [negative, neutral, positive] = tone.shares;
    json!({
        "basis": BASIS,
        "overall": tone.overall.value,
        "sentences": tone.overall.sentences,
        "negative": negative,
        "neutral": neutral,
        "positive": positive,
        "curve": tone.curve.iter().map(bin).collect::<Vec<_>>(),
        "by_topic": by_topic,
        "by_speaker": by_speaker,
        "most_positive": extremes(&tone.most_positive),
        "most_negative": extremes(&tone.most_negative),
    })
}

/// How hard a text is to read.
pub(super) fn readability(found: &Readability) -> Value {
    json!({
        "reading_ease": found.reading_ease,
        "grade": found.grade,
        "mean_sentence_words": found.mean_sentence_words,
        "mean_word_syllables": found.mean_word_syllables,
        "long_word_share": found.long_word_share,
        "words": found.words,
        "sentences": found.sentences,
    })
}

/// Repetition and the cues of unwanted mass texts.
pub(super) fn repetition(document: &Document<'_>, found: &Repetition) -> Value {
    let phrase = |phrase: &Phrase| {
        let examples = places(document, &phrase.examples);
        let words = phrase.examples.first().map(|place| place.words.as_str()).unwrap_or_default();
        json!({"text": words, "count": phrase.count, "examples": examples})
    };
    let cue = |cue: &Cue| {
        json!({
            "cue": cue.name,
            "count": cue.count,
            "per_1000_words": cue.per_1000_words,
            "examples": places(document, &cue.examples),
        })
    };
    let dense = found.cues.iter().filter(|cue| cue.is_dense).map(|cue| cue.name);
    json!({
        "sentences": found.sentences,
        "repeated_sentences": found.repeated_sentences,
        "repeated_share": found.repeated_share,
        "phrases": found.phrases.iter().map(phrase).collect::<Vec<_>>(),
        "cues": found.cues.iter().map(cue).collect::<Vec<_>>(),
        "spam": dense.collect::<Vec<_>>(),
    })
}

/// How sure the wording is, in all and by speaker.
pub(super) fn certainty(document: &Document<'_>) -> Value {
    let found = certainty::places(document);
    let kind = |wording: Wording| {
        let words = wording.words.iter().map(|(words, count)| json!({"text": words, "count": count}));
        json!({
            "kind": wording.kind,
            "count": wording.count,
            "per_1000_words": wording.per_1000_words,
            "words": words.collect::<Vec<_>>(),
            "examples": places(document, &wording.examples),
        })
    };
    let speaker = |row: SpeakerWording| {
        let rate = |count: usize| round(count as f64 * 1000.0 / row.words.max(1) as f64, 2);
        json!({
            "label": row.label,
            "words": row.words,
            "hedging": row.hedging,
            "hedging_per_1000_words": rate(row.hedging),
            "certain": row.certain,
            "certain_per_1000_words": rate(row.certain),
        })
    };
    json!({
        "kinds": certainty::by_kind(document, &found).into_iter().map(kind).collect::<Vec<_>>(),
        "by_speaker": certainty::by_speaker(document, &found)
            .into_iter()
            .take(MOST_SPEAKERS)
            .map(speaker)
            .collect::<Vec<_>>(),
    })
}

/// Where things are said to come from.
pub(super) fn sourcing(document: &Document<'_>, found: &Sourcing) -> Value {
    let list = |rows: &[Place]| json!({"count": rows.len(), "examples": places(document, rows)});
    json!({
        "sentences": found.sentences,
        "sourced_share": found.sourced_share,
        "quoted_share": found.quoted_share,
        "sourced_sentences": list(&found.sourced),
        "quotations": list(&found.quotations),
        "figures_with_source": list(&found.figures_with_source),
        "figures_without_source": list(&found.figures_without_source),
    })
}
