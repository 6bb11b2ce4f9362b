//! The people: who speaks, who is spoken of, what they said, where they were met before.

use std::collections::BTreeSet;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Cartography, Entity, Record, Sentence};
use crate::entities;
use crate::speakers::UNKNOWN;

const MOST_PEOPLE: usize = 30;
const MOST_QUOTES: usize = 3;

/// The people of an earlier run, and the run.
type Met = (BTreeSet<String>, Record);

/// Lists the people with verbatim quotes; dossiers are prose and need a model.
pub fn baseline(input: &StepInput) -> Analysis {
    let map = input::cartography(input);
    let history: Vec<Met> = input::history(input).into_iter().map(|run| (run.people(), run)).collect();
    let mut sentences = map.passages();
    // Sentences around a claim come without their time: where the source has times, a quote must have its own.
    if map.limits.iter().all(|limit| limit.analyser != "times") {
        let is_whole = |sentence: &Sentence| {
            let mut quoted = map
                .topics
                .iter()
                .flat_map(|topic| &topic.key_sentences)
                .chain(&map.summary)
                .map(|row| &row.segment);
            quoted.any(|segment| *segment == sentence.segment)
                || map.claims.iter().any(|claim| claim.segment == sentence.segment)
        };
        sentences.retain(is_whole);
    }
    let mut people: Vec<Value> = Vec::new();
    for speaker in map.speakers.iter().filter(|speaker| speaker.label != UNKNOWN).take(MOST_PEOPLE) {
        let entity = map.entities.iter().find(|entity| entity.name == speaker.label);
        let said = sentences.iter().filter(|sentence| sentence.speaker.as_ref() == Some(&speaker.label));
        people.push(json!({
            "name": speaker.label,
            "label": speaker.label,
            "role": "speaker",
            "words": speaker.words,
            "share": speaker.share.clamp(0.0, 1.0),
            "mentions": entity.map_or(0, |entity| entity.mentions),
            "quotes": quotes(&map, said),
            "seen_before": seen_before(&history, &speaker.label),
        }));
    }
    let is_speaker = |entity: &&Entity| map.speakers.iter().any(|speaker| speaker.label == entity.name);
    let mentioned = map.entities.iter().filter(|entity| entity.kind == "person" && !is_speaker(entity));
    for entity in mentioned.take(MOST_PEOPLE) {
        let about = sentences.iter().filter(|sentence| entity.segments.contains(&sentence.segment));
        people.push(json!({
            "name": entity.name,
            "label": null,
            "role": "mentioned",
            "words": null,
            "share": null,
            "mentions": entity.mentions,
            "quotes": quotes(&map, about),
            "seen_before": seen_before(&history, &entity.name),
        }));
    }
    people.truncate(MOST_PEOPLE);
    Analysis::Partial {
        data: json!({"people": people, "dossiers": []}),
        lacking: "dossiers are written by a model only".to_owned(),
    }
}

/// The earlier runs that name somebody; roles such as "Host" are nobody.
fn seen_before(history: &[Met], name: &str) -> Vec<Value> {
    const MOST_RUNS: usize = 10;
    if !entities::is_personal(name) {
        return Vec::new();
    }
    let name = input::fold(name);
    let runs = history.iter().filter(|(people, _)| people.contains(&name)).take(MOST_RUNS);
    runs.map(|(_, run)| json!({"run_id": run.run_id, "title": run.title})).collect()
}

/// Claims first, they are what somebody stands for; then what else the map quotes; in order of time.
fn quotes<'a>(map: &Cartography, sentences: impl Iterator<Item = &'a Sentence>) -> Vec<Value> {
    let is_claim =
        |sentence: &Sentence| map.claims.iter().position(|claim| claim.segment == sentence.segment);
    let mut chosen: Vec<&Sentence> = sentences.collect();
    chosen.sort_by_key(|sentence| is_claim(sentence).unwrap_or(usize::MAX));
    chosen.truncate(MOST_QUOTES);
    chosen.sort_by_key(|sentence| input::place(&sentence.segment));
    chosen
        .into_iter()
        .map(|sentence| json!({"segment": sentence.segment, "start_ms": sentence.start_ms, "text": sentence.text}))
        .collect()
}
