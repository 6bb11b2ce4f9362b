//! The map of the content: topics, key phrases, names, numbers, claims, summary.

use engine::model::{Reason, ReasonCode};
use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::read::transcript;
use crate::claims::{self, Claim};
use crate::document::Document;
use crate::entities::{self, Entity};
use crate::key_phrases::{self, KeyPhrase};
use crate::numbers::{self, Number};
use crate::segments::Segment;
use crate::topics::{self, Topic};
use crate::{speakers, summary};

/// Fewer words than this say nothing that could be mapped.
const FEWEST_WORDS: usize = 5;
const MOST_CLAIMS: usize = 60;
const MOST_PHRASES: usize = 20;
const MOST_ENTITIES: usize = 80;
const MOST_NUMBERS: usize = 400;
/// Places listed per phrase or name.
const MOST_PLACES: usize = 20;

/// Maps the transcript; skipped where there is next to nothing in it.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let document = Document::new(&transcript.segments, &transcript.language.code);
    if document.word_count() < FEWEST_WORDS {
        let detail = format!("the transcript has {} words", document.word_count());
        return Analysis::Skip(Reason::new(ReasonCode::UnusableContent, detail));
    }
    let phrases = key_phrases::find(&document, MOST_PHRASES);
    let topics = topics::find(&document, &phrases);
    let mut entities = entities::find(&document);
    entities.truncate(MOST_ENTITIES);
    let numbers = numbers::find(&document);
    let scores = claims::scores(&document, &numbers);
    let importance = summary::importance(&document, &topics, &scores);
    let chosen = summary::choose(&document, &topics, &importance);
    let claims = claims::best(&scores, MOST_CLAIMS);
    let speakers: Vec<Value> = speakers::find(&document)
        .into_iter()
        .map(|speaker| json!({"label": speaker.label, "words": speaker.words, "share": speaker.share}))
        .collect();
    Analysis::Complete(json!({
        "title": title(&phrases, &entities, &input.request.source_name),
        "language": document.language,
        "topics": topic_rows(&document, &topics, &importance),
        "key_phrases": phrases.iter().map(|phrase| phrase_row(&document, phrase)).collect::<Vec<_>>(),
        "entities": entities.iter().map(|entity| entity_row(&document, entity)).collect::<Vec<_>>(),
        "numbers": numbers.iter().take(MOST_NUMBERS).map(|number| number_row(&document, number)).collect::<Vec<_>>(),
        "claims": claim_rows(&document, &claims),
        "summary": chosen.iter().map(|segment| sentence(&document.segments[*segment])).collect::<Vec<_>>(),
        "speakers": speakers,
        "sentiment": null,
    }))
}

/// The best key phrases; the source's name where there are too few.
fn title(phrases: &[KeyPhrase], entities: &[Entity], source_name: &str) -> String {
    const WORDS_OF_TITLE: usize = 3;
    // Names of speakers make no title; what they speak about does.
    let person = |text: &str| {
        let mut people = entities.iter().filter(|entity| entity.kind == entities::Kind::Person);
        people.any(|entity| entity.name.contains(text) || text.contains(&entity.name))
    };
    let mut chosen: Vec<&str> = Vec::new();
    for phrase in phrases.iter().map(|phrase| phrase.text.as_str()).filter(|text| !person(text)) {
        let lowercase = phrase.to_lowercase();
        let apart = chosen.iter().all(|other| {
            let other = other.to_lowercase();
            lowercase.split(' ').all(|word| !other.contains(word))
        });
        if apart && chosen.len() < WORDS_OF_TITLE {
            chosen.push(phrase);
        }
    }
    if chosen.len() < WORDS_OF_TITLE {
        return source_name.to_owned();
    }
    let joined = chosen.join(", ");
    let mut letters = joined.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => source_name.to_owned(),
    }
}

fn topic_rows(document: &Document<'_>, topics: &[Topic], importance: &[f64]) -> Vec<Value> {
    const KEY_SENTENCES: usize = 2;
    let mut rows = Vec::with_capacity(topics.len());
    for (position, topic) in topics.iter().enumerate() {
        let first = &document.segments[topic.segments.start];
        let last = &document.segments[topic.segments.end - 1];
        let key: Vec<Value> = summary::key_sentences(document, topic, importance, KEY_SENTENCES)
            .into_iter()
            .map(|segment| sentence(&document.segments[segment]))
            .collect();
        rows.push(json!({
            "id": format!("t{}", position + 1),
            "label": topic.label,
            "start_ms": first.start_ms,
            "end_ms": last.end_ms,
            "first_segment": first.id,
            "last_segment": last.id,
            "keywords": topic.keywords,
            "key_sentences": key,
        }));
    }
    rows
}

fn claim_rows(document: &Document<'_>, claims: &[Claim]) -> Vec<Value> {
    let mut rows = Vec::with_capacity(claims.len());
    for (position, claim) in claims.iter().enumerate() {
        let segment = &document.segments[claim.segment];
        let around = [claim.segment.checked_sub(1), Some(claim.segment + 1)];
        let context: Vec<Value> = around
            .into_iter()
            .flatten()
            .filter_map(|at| document.segments.get(at))
            .map(|segment| json!({"segment": segment.id, "text": segment.text}))
            .collect();
        rows.push(json!({
            "id": format!("c{}", position + 1),
            "text": claims::decontextualise(document, claim.segment),
            "quote": segment.text,
            "speaker": segment.speaker,
            "start_ms": segment.start_ms,
            "segment": segment.id,
            "score": claim.score,
            "cues": claim.cues,
            "context": context,
        }));
    }
    rows
}

fn phrase_row(document: &Document<'_>, phrase: &KeyPhrase) -> Value {
    json!({
        "text": phrase.text,
        "score": phrase.score,
        "mentions": phrase.mentions,
        "segments": places(document, &phrase.segments),
    })
}

fn entity_row(document: &Document<'_>, entity: &Entity) -> Value {
    json!({
        "name": entity.name,
        "kind": entity.kind,
        "mentions": entity.mentions,
        "segments": places(document, &entity.segments),
    })
}

fn number_row(document: &Document<'_>, number: &Number) -> Value {
    let segment = &document.segments[number.segment];
    json!({
        "text": number.text,
        "kind": number.kind,
        "value": number.value,
        "unit": number.unit,
        "segment": segment.id,
        "start_ms": segment.start_ms,
    })
}

fn places<'a>(document: &Document<'a>, segments: &[usize]) -> Vec<&'a str> {
    segments.iter().take(MOST_PLACES).map(|segment| document.segments[*segment].id.as_str()).collect()
}

fn sentence(segment: &Segment) -> Value {
    json!({"segment": segment.id, "start_ms": segment.start_ms, "speaker": segment.speaker, "text": segment.text})
}
