//! What may be worth a run of its own: what the content announces, and what it names often.

use std::collections::BTreeSet;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Cartography, Entity, Record, Sentence};

/// How many runs may be put in line.
const CAP: usize = 3;
/// Suggestions of each kind at most.
const MOST: usize = 3;
/// Named at least this often.
const OFTEN: u64 = 3;
/// Words that announce something to come.
const ANNOUNCEMENTS: &[&str] = &[
    "next time",
    "next episode",
    "next week",
    "next month",
    "coming weeks",
    "coming months",
    "stay tuned",
    "nächstes mal",
    "nächste folge",
    "nächste woche",
    "nächsten monat",
    "prochaine fois",
    "semaine prochaine",
    "mois prochain",
    "próxima vez",
    "próxima semana",
    "próximo mes",
    "próximo mês",
    "prossima volta",
    "prossima settimana",
    "prossimo mese",
    "в следующий раз",
    "на следующей неделе",
    "в следующем месяце",
];

/// Suggests runs and puts none in line; which of them is worth it is for a model to say.
pub fn baseline(input: &StepInput) -> Analysis {
    let map = input::cartography(input);
    let history = input::history(input);
    let mut suggestions = Suggestions::default();
    for sentence in map.passages().iter().filter(|sentence| announces(&sentence.text)).take(MOST) {
        let why = format!("Announced: \"{}\"", sentence.text);
        suggestions.add(&subject(&map, sentence), why, Some(&sentence.segment));
    }
    let often = |entity: &&Entity| entity.mentions >= OFTEN && !map.speaks(&entity.name);
    for entity in map.entities.iter().filter(often).take(MOST) {
        let earlier = earlier(&history, |record| record.has_entity(&entity.name));
        let why = format!("Named {} times here and in {earlier}.", entity.mentions);
        suggestions.add(&entity.name, why, entity.segments.first());
    }
    for phrase in map.terms().filter(|phrase| phrase.mentions >= OFTEN).take(MOST) {
        let known = |record: &Record| {
            record
                .topics
                .iter()
                .any(|topic| input::folded(&topic.keywords).contains(&input::fold(&phrase.text)))
        };
        let why = format!("Said {} times here and a topic of {}.", phrase.mentions, earlier(&history, known));
        suggestions.add(&phrase.text, why, phrase.segments.first());
    }
    Analysis::Partial {
        data: json!({"suggestions": suggestions.rows, "enqueued": [], "cap": CAP}),
        lacking: "a judgement which of the suggestions are worth a run".to_owned(),
    }
}

#[derive(Default)]
struct Suggestions {
    rows: Vec<Value>,
    seen: BTreeSet<String>,
}

impl Suggestions {
    /// Adds a suggestion, once per query.
    fn add(&mut self, query: &str, why: String, segment: Option<&String>) {
        if !query.trim().is_empty() && self.seen.insert(input::fold(query)) {
            self.rows.push(json!({"query": query, "why": why, "segment": segment}));
        }
    }
}

fn announces(text: &str) -> bool {
    ANNOUNCEMENTS.iter().any(|words| input::mentions(text, words))
}

/// What a sentence is about: its names, else its first key phrase, else nothing.
fn subject(map: &Cartography, sentence: &Sentence) -> String {
    let names = map.entities.iter().filter(|entity| entity.segments.contains(&sentence.segment));
    let names: Vec<&str> = names.map(|entity| entity.name.as_str()).take(2).collect();
    if !names.is_empty() {
        return names.join(" ");
    }
    let phrase = map.key_phrases.iter().find(|phrase| phrase.segments.contains(&sentence.segment));
    phrase.map(|phrase| phrase.text.clone()).unwrap_or_default()
}

fn earlier(history: &[Record], known: impl Fn(&Record) -> bool) -> String {
    match history.iter().filter(|record| known(record)).count() {
        0 => "no earlier run".to_owned(),
        1 => "1 earlier run".to_owned(),
        runs => format!("{runs} earlier runs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn announcements_names_and_phrases() {
        let map = json!({"title": "t", "language": "en",
            "topics": [{"label": "wall", "keywords": ["wall"], "key_sentences": [
                {"segment": "s9", "text": "Next time we talk to Dana Reyes.", "start_ms": null, "speaker": null},
                {"segment": "s10", "text": "Stay tuned.", "start_ms": null, "speaker": null}]}],
            "claims": [{"id": "c1", "text": "The sea wall leaks.", "segment": "s2"}],
            "key_phrases": [{"text": "remember", "score": 1, "mentions": 5, "segments": ["s2"]},
                {"text": "warm tea", "score": 1, "mentions": 5, "segments": ["s5"]},
                {"text": "sea wall", "score": 1, "mentions": 4, "segments": ["s2"]}],
            "entities": [
                {"name": "Ann", "kind": "person", "mentions": 9, "segments": ["s1"]},
                {"name": "Port Authority", "kind": "organisation", "mentions": 5, "segments": ["s3", "s4"]},
                {"name": "Dana Reyes", "kind": "person", "mentions": 1, "segments": ["s9"]}],
            "speakers": [{"label": "Ann", "words": 1, "share": 1}]});
        let history = json!([{"run_id": "r", "entities": [{"name": "Port Authority"}]}]);
        let input = step(Value::Null, json!({"analysis_cartographer": map}), json!({"history": history}));
        let data = check("trend_intelligence_scout", baseline, &input);
        assert_eq!(
            data["suggestions"],
            json!([
                {"query": "Dana Reyes", "why": "Announced: \"Next time we talk to Dana Reyes.\"", "segment": "s9"},
                {"query": "Port Authority", "why": "Named 5 times here and in 1 earlier run.", "segment": "s3"},
                {"query": "sea wall", "why": "Said 4 times here and a topic of no earlier run.", "segment": "s2"},
            ])
        );
        assert_eq!(data["enqueued"], json!([]));
        assert!(matches!(baseline(&input), Analysis::Partial { .. }));
    }

    #[test]
    fn nothing_in_nothing_out() {
        let data = check("trend_intelligence_scout", baseline, &step(Value::Null, json!({}), json!({})));
        assert_eq!(data, json!({"suggestions": [], "enqueued": [], "cap": 3}));
    }
}
