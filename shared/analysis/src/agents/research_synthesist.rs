//! Background by quotation: passages here and in earlier runs on the main terms, and the questions that were asked.

use std::collections::BTreeSet;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Cartography, Record, Sentence};

const MOST_TERMS: usize = 8;
/// So many names come before the first term that is none.
const MOST_NAMES_FIRST: usize = 5;
const MOST_PASSAGES: usize = 3;
const MOST_QUESTIONS: usize = 10;

/// Quotes what there is. Whether a question was answered is not told by rules.
pub fn baseline(input: &StepInput) -> Analysis {
    let map = input::cartography(input);
    let history = input::history(input);
    let passages = map.passages();
    let background: Vec<Value> = terms(&map)
        .into_iter()
        .filter_map(|(term, segments)| {
            let mut rows = here(&passages, segments);
            rows.extend(earlier(&history, term));
            (!rows.is_empty()).then(|| json!({"term": term, "passages": rows}))
        })
        .take(MOST_TERMS)
        .collect();
    let questions: Vec<Value> = passages
        .iter()
        .filter(|sentence| is_question(&sentence.text))
        .take(MOST_QUESTIONS)
        .map(|sentence| json!({"question": sentence.text, "segment": sentence.segment}))
        .collect();
    Analysis::Partial {
        data: json!({"background": background, "open_questions": questions}),
        lacking: "explanations in plain words, and which of the questions stay open".to_owned(),
    }
}

/// What a reader may not know, once each, with its segments: the first names, terms, the other names. Who speaks is no term.
fn terms(map: &Cartography) -> Vec<(&str, &[String])> {
    let names = map.entities.iter().filter(|entity| !map.speaks(&entity.name));
    let names: Vec<_> = names.map(|entity| (entity.name.as_str(), entity.segments.as_slice())).collect();
    let (first, others) = names.split_at(names.len().min(MOST_NAMES_FIRST));
    let phrases = map.terms().map(|phrase| (phrase.text.as_str(), phrase.segments.as_slice()));
    let mut seen = BTreeSet::new();
    (first.iter().copied())
        .chain(phrases)
        .chain(others.iter().copied())
        .filter(|(term, _)| !term.trim().is_empty() && seen.insert(input::fold(term)))
        .collect()
}

fn here(passages: &[Sentence], segments: &[String]) -> Vec<Value> {
    let about = passages.iter().filter(|sentence| segments.contains(&sentence.segment));
    about
        .filter(|sentence| !is_question(&sentence.text))
        .take(MOST_PASSAGES)
        .map(|sentence| json!({"text": sentence.text, "segment": sentence.segment, "run_id": null}))
        .collect()
}

fn earlier(history: &[Record], term: &str) -> Vec<Value> {
    let texts = history.iter().filter(|record| !record.run_id.is_empty()).flat_map(|record| {
        let claims = record.claims.iter().map(|claim| &claim.text);
        record.summary.iter().chain(claims).map(move |text| (record, text))
    });
    let mut seen = BTreeSet::new();
    texts
        .filter(|(_, text)| input::mentions(text, term) && seen.insert(text.as_str()))
        .take(MOST_PASSAGES)
        .map(|(record, text)| json!({"text": text, "segment": null, "run_id": record.run_id}))
        .collect()
}

fn is_question(text: &str) -> bool {
    text.trim_end_matches(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '”' | '»' | ')'))
        .ends_with(['?', '？', '؟'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn quotes_background_and_questions() {
        let map = json!({"title": "t", "language": "en",
            "entities": [{"name": "Dana Reyes", "kind": "person", "mentions": 2, "segments": ["s3"]}],
            "key_phrases": [
                {"text": "sea wall", "score": 1, "mentions": 2, "segments": ["s1", "s2"]},
                {"text": "remember", "score": 1, "mentions": 2, "segments": ["s2"]},
                {"text": "unseen thing", "score": 1, "mentions": 2, "segments": ["s40"]}],
            "claims": [{"id": "c1", "text": "The sea wall holds.", "segment": "s2"}],
            "summary": [
                {"segment": "s10", "text": "\"Who pays?\"", "start_ms": null, "speaker": null},
                {"segment": "s2", "text": "The sea wall holds.", "start_ms": null, "speaker": null},
                {"segment": "s1", "text": "What is the sea wall?", "start_ms": null, "speaker": null}]});
        let history = json!([{"run_id": "r1", "summary": ["Dana Reyes was mayor.", "Danas."], "claims": []}]);
        let input = step(Value::Null, json!({"analysis_cartographer": map}), json!({"history": history}));
        let data = check("research_synthesist", baseline, &input);
        assert_eq!(
            data["background"],
            json!([
                {"term": "Dana Reyes", "passages": [{"text": "Dana Reyes was mayor.", "segment": null, "run_id": "r1"}]},
                {"term": "sea wall", "passages": [{"text": "The sea wall holds.", "segment": "s2", "run_id": null}]},
            ])
        );
        let questions: Vec<&Value> =
            data["open_questions"].as_array().unwrap().iter().map(|row| &row["segment"]).collect();
        assert_eq!(questions, ["s1", "s10"]);
    }

    #[test]
    fn nothing_in_nothing_out() {
        let data = check("research_synthesist", baseline, &step(Value::Null, json!({}), json!({})));
        assert_eq!(data, json!({"background": [], "open_questions": []}));
    }
}
