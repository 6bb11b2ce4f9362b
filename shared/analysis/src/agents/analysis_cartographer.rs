//! The map of the content: topics, key phrases, names, numbers, claims, summary, tone.

use engine::model::{Reason, ReasonCode};
use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::read::transcript;
use super::style_rows;
use crate::claims::{self, Claim};
use crate::conversation::{self, Exchange};
use crate::document::Document;
use crate::entities::{self, Entity};
use crate::highlights::{self, Highlight};
use crate::key_phrases::{self, KeyPhrase};
use crate::likeness::Likeness;
use crate::numbers::{self, Number};
use crate::segments::Segment;
use crate::topics::{self, Topic};
use crate::{limits, near_duplicates, readability, repetition, sketch, speakers, summary, titles, tone};

/// Fewer words than this say nothing that could be mapped.
const FEWEST_WORDS: usize = 5;
const MOST_CLAIMS: usize = 60;
const MOST_PHRASES: usize = 20;
const MOST_ENTITIES: usize = 80;
const MOST_NUMBERS: usize = 400;
const MOST_EXCHANGES: usize = 120;
const MOST_REPEATS: usize = 40;
/// Places listed per phrase or name.
const MOST_PLACES: usize = 20;

/// Maps the transcript; skipped where there is next to nothing in it, or one advertisement over and over.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let document = Document::new(&transcript.segments, &transcript.language.code);
    if document.readable_words() < FEWEST_WORDS {
        let detail = match document.readable_words() {
            1 => "the transcript has 1 word".to_owned(),
            count => format!("the transcript has {count} words"),
        };
        return Analysis::Skip(Reason::new(ReasonCode::UnusableContent, detail));
    }
    let repeats = near_duplicates::find(&document);
    let repetition = repetition::find(&document, &repeats);
    if let Some(detail) = repetition::overwhelming(&repetition) {
        return Analysis::Skip(Reason::new(ReasonCode::UnusableContent, detail));
    }
    let phrases = key_phrases::find(&document, MOST_PHRASES);
    let topics = topics::find(&document, &phrases);
    let mut entities = entities::find(&document);
    entities.truncate(MOST_ENTITIES);
    let numbers = numbers::find(&document);
    let scores = claims::scores(&document, &numbers);
    let importance = summary::importance(&document, &topics, &scores);
    let likeness = Likeness::new(&document);
    let chosen = summary::choose(&document, &likeness, &topics, &importance);
    let highlights = highlights::find(&document, &topics, &numbers, &scores);
    let mut exchanges = conversation::find(&document, &entities);
    exchanges.truncate(MOST_EXCHANGES);
    let sentiment = tone::scores(&document)
        .and_then(|scores| tone::find(&document, &topics, &scores))
        .map(|tone| style_rows::sentiment(&document, &tone, &topics));
    let claims = claims::best(&likeness, &scores, MOST_CLAIMS);
    let speakers: Vec<Value> = speakers::find(&document)
        .into_iter()
        .map(|speaker| json!({"label": speaker.label, "words": speaker.words, "share": speaker.share}))
        .collect();
    Analysis::Complete(json!({
        "title": title(&document, &importance, &phrases, &entities, &input.request.source_name),
        "language": document.language,
        "topics": topic_rows(&document, &likeness, &topics, &importance),
        "key_phrases": phrases.iter().map(|phrase| phrase_row(&document, phrase)).collect::<Vec<_>>(),
        "entities": entities.iter().map(|entity| entity_row(&document, entity)).collect::<Vec<_>>(),
        "numbers": numbers.iter().take(MOST_NUMBERS).map(|number| number_row(&document, number)).collect::<Vec<_>>(),
        "claims": claim_rows(&document, &claims),
        "summary": chosen.iter().map(|segment| sentence(&document.segments[*segment])).collect::<Vec<_>>(),
        "speakers": speakers,
        "sentiment": sentiment,
        "readability": readability::find(&document).map(|found| style_rows::readability(&found)),
        "repetition": style_rows::repetition(&document, &repetition),
        "topic_people": people_rows(&document, &topics, &entities),
        "exchanges": exchanges.iter().map(|exchange| exchange_row(&document, exchange)).collect::<Vec<_>>(),
        "highlights": highlights.iter().map(|highlight| highlight_row(&document, highlight)).collect::<Vec<_>>(),
        "repeats": repeats.iter().take(MOST_REPEATS).map(|repeat| repeat_row(&document, repeat)).collect::<Vec<_>>(),
        "sketch": sketch::of(&document),
        "limits": limits::of(&document)
            .iter()
            .map(|limit| json!({"analyser": limit.analyser, "reason": limit.reason}))
            .collect::<Vec<_>>(),
    }))
}

/// What the content says it is about, else its best short sentence, else the best key phrases, else the source's name.
fn title(
    document: &Document<'_>,
    importance: &[f64],
    phrases: &[KeyPhrase],
    entities: &[Entity],
    source_name: &str,
) -> String {
    titles::announced(document)
        .or_else(|| titles::sentence(document, importance))
        .unwrap_or_else(|| key_terms(phrases, entities, source_name))
}

fn key_terms(phrases: &[KeyPhrase], entities: &[Entity], source_name: &str) -> String {
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
    titles::capitalised(&chosen.join(", "))
}

fn topic_rows(
    document: &Document<'_>,
    likeness: &Likeness<'_, '_>,
    topics: &[Topic],
    importance: &[f64],
) -> Vec<Value> {
    const KEY_SENTENCES: usize = 2;
    let mut rows = Vec::with_capacity(topics.len());
    for (position, topic) in topics.iter().enumerate() {
        let first = &document.segments[topic.segments.start];
        let last = &document.segments[topic.segments.end - 1];
        let key: Vec<Value> = summary::key_sentences(document, likeness, topic, importance, KEY_SENTENCES)
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

/// Who speaks, and who is named, topic by topic.
fn people_rows(document: &Document<'_>, topics: &[Topic], entities: &[Entity]) -> Vec<Value> {
    let people: Vec<&Entity> =
        entities.iter().filter(|entity| entity.kind == entities::Kind::Person).collect();
    let mut rows = Vec::with_capacity(topics.len());
    for (position, topic) in topics.iter().enumerate() {
        let speakers: Vec<Value> = topics::speakers(document, topic)
            .into_iter()
            .take(MOST_PLACES)
            .map(|(label, words)| json!({"label": label, "words": words}))
            .collect();
        let mut named: Vec<Value> = Vec::new();
        for person in &people {
            let from = person.segments.partition_point(|segment| *segment < topic.segments.start);
            let to = person.segments.partition_point(|segment| *segment < topic.segments.end);
            if from < to && named.len() < MOST_PLACES {
                named.push(
                    json!({"name": person.name, "segments": places(document, &person.segments[from..to])}),
                );
            }
        }
        let (first, last) =
            (&document.segments[topic.segments.start], &document.segments[topic.segments.end - 1]);
        rows.push(json!({
            "topic": format!("t{}", position + 1),
            "first_segment": first.id,
            "last_segment": last.id,
            "speakers": speakers,
            "people": named,
        }));
    }
    rows
}

fn exchange_row(document: &Document<'_>, exchange: &Exchange) -> Value {
    json!({
        "from": exchange.from,
        "to": exchange.to,
        "way": exchange.way.name(),
        "count": exchange.count,
        "to_questions": exchange.to_questions,
        "segments": places(document, &exchange.segments),
    })
}

fn highlight_row(document: &Document<'_>, highlight: &Highlight) -> Value {
    let segment = &document.segments[highlight.segment];
    let watched = &document.segments[highlight.segments.clone()];
    let why: Vec<Value> = highlight
        .why
        .iter()
        .map(|why| json!({"cue": why.cue, "words": why.words, "segment": document.segments[why.segment].id}))
        .collect();
    json!({
        "segment": segment.id,
        "start_ms": watched.iter().filter_map(|segment| segment.start_ms).min(),
        "end_ms": watched.iter().filter_map(|segment| segment.end_ms).max(),
        "speaker": segment.speaker,
        "text": segment.text,
        "why": why,
    })
}

fn repeat_row(document: &Document<'_>, repeat: &near_duplicates::Repeat) -> Value {
    let first = &document.segments[repeat.segments[0]];
    json!({
        "text": first.text,
        "count": repeat.segments.len(),
        "similarity": speakers::round(repeat.similarity, 3),
        "segments": places(document, &repeat.segments),
    })
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
