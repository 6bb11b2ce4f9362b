//! What else is stored about the same thing.

use std::collections::BTreeMap;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Cartography, Record};

const MOST_QUERIES: usize = 8;
const MOST_RELATED: usize = 10;
/// Sentences of a related run's summary, and claims of it, that are shown.
const MOST_SENTENCES: usize = 2;
const MOST_CLAIMS: usize = 4;

/// Finds earlier runs by shared names and topic words; how this content stands to them is for a model to say.
pub fn baseline(input: &StepInput) -> Analysis {
    let map = input::cartography(input);
    let this = marks(&map.as_record(input));
    let history = input::history(input);
    let mut related: Vec<Related<'_>> = history
        .iter()
        .filter(|record| !record.run_id.is_empty())
        .filter_map(|record| Related::of(&this, record))
        .collect();
    // Stable: among equals the newest first, as the history is.
    related.sort_by(|left, right| right.score.total_cmp(&left.score));
    related.truncate(MOST_RELATED);
    Analysis::Complete(json!({
        "queries": queries(&map),
        "searched": ["memory"],
        "related": related.iter().map(Related::row).collect::<Vec<_>>(),
        "reading": null,
    }))
}

/// The most mentioned names, then the strongest phrases.
fn queries(map: &Cartography) -> Vec<&str> {
    let mut seen = std::collections::BTreeSet::new();
    let names = map.entities.iter().map(|entity| entity.name.as_str()).take(MOST_QUERIES / 2);
    let phrases = map.key_phrases.iter().map(|phrase| phrase.text.as_str());
    let texts = names.chain(phrases).filter(|text| !text.trim().is_empty());
    texts.filter(|text| seen.insert(input::fold(text))).take(MOST_QUERIES).collect()
}

/// Names and topic words, folded, with the form to show and whether it is a name.
fn marks(record: &Record) -> BTreeMap<String, (String, bool)> {
    let words = record.topics.iter().flat_map(|topic| &topic.keywords).map(|word| (word, false));
    let names = record.entities.iter().map(|entity| (&entity.name, true));
    let all = words.chain(names).filter(|(text, _)| !text.trim().is_empty());
    all.map(|(text, name)| (input::fold(text), (text.clone(), name))).collect()
}

/// An earlier run that shares a name or two words; the score is what both share by all they have.
struct Related<'a> {
    record: &'a Record,
    overlap: Vec<&'a str>,
    score: f64,
}

impl<'a> Related<'a> {
    fn of(this: &'a BTreeMap<String, (String, bool)>, record: &'a Record) -> Option<Self> {
        let other = marks(record);
        let shared: Vec<&(String, bool)> =
            this.iter().filter(|(mark, _)| other.contains_key(*mark)).map(|(_, form)| form).collect();
        if shared.len() < 2 && !shared.iter().any(|(_, name)| *name) {
            return None;
        }
        let all = this.len() + other.len() - shared.len();
        let score = input::rounded(shared.len() as f64 / all as f64);
        Some(Self { record, overlap: shared.into_iter().map(|(text, _)| text.as_str()).collect(), score })
    }

    fn row(&self) -> Value {
        let Record { run_id, title, created_ms, summary, claims, .. } = self.record;
        let mentions = |text: &&str| self.overlap.iter().any(|mark| input::mentions(text, mark));
        let claims = claims.iter().map(|claim| claim.text.as_str()).filter(mentions);
        json!({
            "run_id": run_id,
            "title": title,
            "created_ms": created_ms,
            "overlap": self.overlap,
            "score": self.score,
            "summary": summary.iter().take(MOST_SENTENCES).collect::<Vec<_>>(),
            "claims": claims.take(MOST_CLAIMS).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn related_runs_share_a_name_or_two_words() {
        let map = json!({"title": "t", "language": "en",
            "topics": [{"label": "wall", "keywords": ["wall", "cost", "storm"]}],
            "key_phrases": [{"text": "sea wall", "score": 1, "mentions": 2, "segments": ["s1"]}],
            "entities": [{"name": "Sea Wall", "kind": "other", "mentions": 3, "segments": ["s1"]}]});
        let run = |id: &str, words: Value, names: Value| {
            json!({"run_id": id, "title": id, "created_ms": 5, "topics": [{"label": "x", "keywords": words}],
                "entities": names, "summary": ["One.", "Two.", "Three."],
                "claims": [{"text": "The walled town."}, {"text": "The WALL broke."}]})
        };
        let history = json!([
            run("one word", json!(["wall"]), json!([])),
            run("two words", json!(["Wall", "cost", "q", "r"]), json!([])),
            run(
                "name",
                json!(["storm", "wall"]),
                json!([{"name": "sea wall", "kind": "other", "mentions": 1}])
            ),
        ]);
        let input = step(Value::Null, json!({"analysis_cartographer": map}), json!({"history": history}));
        let data = check("signal_recon_specialist", baseline, &input);
        assert_eq!(data["queries"], json!(["Sea Wall"]));
        let ids: Vec<&Value> = data["related"].as_array().unwrap().iter().map(|row| &row["run_id"]).collect();
        assert_eq!(ids, ["name", "two words"]);
        assert_eq!(data["related"][0]["overlap"], json!(["Sea Wall", "storm", "wall"]));
        assert_eq!(data["related"][0]["score"], 0.75);
        assert_eq!(data["related"][0]["summary"], json!(["One.", "Two."]));
        assert_eq!(data["related"][0]["claims"], json!(["The WALL broke."]));
    }

    #[test]
    fn nothing_in_nothing_out() {
        let input = step(Value::Null, json!({}), json!({"history": []}));
        let data = check("signal_recon_specialist", baseline, &input);
        assert_eq!(data["related"], json!([]));
        assert_eq!(data["searched"], json!(["memory"]));
    }
}
