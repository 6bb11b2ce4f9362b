//! Typed views of what agents are given, and the word overlap they share.
//!
//! Missing fields are empty, unknown ones ignored, and rows of another shape left out: older records stay readable.

use std::collections::{BTreeMap, BTreeSet};

use engine::model::Status;
use engine::step_input::{Analysis, StepInput};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::lexicon::{self, Lexicon};

/// What analysis_cartographer found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cartography {
    pub(super) title: String,
    pub(super) language: String,
    #[serde(deserialize_with = "rows")]
    pub(super) topics: Vec<Topic>,
    #[serde(deserialize_with = "rows")]
    pub(super) key_phrases: Vec<KeyPhrase>,
    #[serde(deserialize_with = "rows")]
    pub(super) entities: Vec<Entity>,
    #[serde(deserialize_with = "rows")]
    pub(super) claims: Vec<Claim>,
    #[serde(deserialize_with = "rows")]
    pub(super) summary: Vec<Sentence>,
    #[serde(deserialize_with = "rows")]
    pub(super) speakers: Vec<Speaker>,
    #[serde(deserialize_with = "rows")]
    pub(super) exchanges: Vec<Exchange>,
    #[serde(deserialize_with = "rows")]
    pub(super) highlights: Vec<Highlight>,
    #[serde(deserialize_with = "rows")]
    pub(super) limits: Vec<Limit>,
}

/// How often somebody answers or names somebody else.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Exchange {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) way: String,
    pub(super) count: u64,
    pub(super) to_questions: u64,
    #[serde(deserialize_with = "rows")]
    pub(super) segments: Vec<String>,
}

/// A moment worth watching.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Highlight {
    pub(super) segment: String,
    pub(super) start_ms: Option<u64>,
    pub(super) end_ms: Option<u64>,
    pub(super) speaker: Option<String>,
    pub(super) text: String,
    #[serde(deserialize_with = "rows")]
    pub(super) why: Vec<Why>,
}

/// A cue that speaks for a moment.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Why {
    pub(super) cue: String,
    pub(super) words: String,
    pub(super) segment: String,
}

/// What an analyser could not find.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limit {
    pub(super) analyser: String,
    pub(super) reason: String,
}

/// A topic, of this run or an earlier one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Topic {
    pub(super) label: String,
    pub(super) start_ms: Option<u64>,
    pub(super) end_ms: Option<u64>,
    #[serde(deserialize_with = "rows")]
    pub(super) keywords: Vec<String>,
    #[serde(deserialize_with = "rows")]
    pub(super) key_sentences: Vec<Sentence>,
}

/// A sentence and its segment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sentence {
    pub(super) segment: String,
    pub(super) start_ms: Option<u64>,
    pub(super) speaker: Option<String>,
    pub(super) text: String,
}

/// A key phrase and where it is said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyPhrase {
    pub(super) text: String,
    pub(super) mentions: u64,
    #[serde(deserialize_with = "rows")]
    pub(super) segments: Vec<String>,
}

impl KeyPhrase {
    /// Whether it may be a term: more than one word, or written as a name is. "remember" that came back is none; nor is
    /// "inflation", while every German noun is one. Where a language has no word list, any may be.
    fn is_term(&self, language: &str) -> bool {
        self.text.contains([' ', '-'])
            || !self.text.starts_with(char::is_lowercase)
            || lexicon::phrases(language.split('-').next().unwrap_or_default()).is_empty()
    }
}

/// A name; records of earlier runs have no segments.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entity {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) mentions: u64,
    #[serde(deserialize_with = "rows")]
    pub(super) segments: Vec<String>,
}

/// A claim; of an earlier run or a briefing only some fields are set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Claim {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) quote: String,
    pub(super) speaker: Option<String>,
    pub(super) start_ms: Option<u64>,
    pub(super) segment: String,
    pub(super) score: f64,
    pub(super) verdict: Option<String>,
    #[serde(deserialize_with = "rows")]
    pub(super) context: Vec<Sentence>,
}

/// A speaker and how much of the words are theirs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Speaker {
    pub(super) label: String,
    pub(super) words: u64,
    pub(super) share: f64,
}

/// What an earlier run left.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) run_id: String,
    pub(super) title: String,
    pub(super) created_ms: u64,
    pub(super) source_name: String,
    #[serde(deserialize_with = "rows")]
    pub(super) summary: Vec<String>,
    #[serde(deserialize_with = "rows")]
    pub(super) topics: Vec<Topic>,
    #[serde(deserialize_with = "rows")]
    pub(super) entities: Vec<Entity>,
    #[serde(deserialize_with = "rows")]
    pub(super) speakers: Vec<String>,
    #[serde(deserialize_with = "rows")]
    pub(super) claims: Vec<Claim>,
}

/// What intelligence_briefing_curator wrote.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Briefing {
    pub(super) title: String,
    #[serde(deserialize_with = "rows")]
    pub(super) summary: Vec<Sentence>,
    #[serde(deserialize_with = "rows")]
    pub(super) topics: Vec<Topic>,
    #[serde(deserialize_with = "rows")]
    pub(super) claims: Vec<Claim>,
    #[serde(deserialize_with = "rows")]
    pub(super) gaps: Vec<Gap>,
}

/// An agent without a sure result.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Gap {
    pub(super) agent: String,
}

/// Reads a value; the default where there is none or it has another shape.
pub(super) fn read<T: DeserializeOwned + Default>(value: Option<&Value>) -> T {
    value.and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
}

/// The data of an input that stands or is uncertain.
pub(super) fn data<'a>(input: &'a StepInput, agent: &str) -> Option<&'a Value> {
    let input = input.inputs.get(agent)?;
    input.data.as_deref().filter(|_| matches!(input.status, Status::Ok | Status::Uncertain))
}

/// The map of this run's content.
pub(super) fn cartography(input: &StepInput) -> Cartography {
    read(data(input, "analysis_cartographer"))
}

/// Earlier runs, newest first.
pub(super) fn history(input: &StepInput) -> Vec<Record> {
    list(input.fact("history"))
}

/// The rows of a list that have the shape.
pub(super) fn list<T: DeserializeOwned>(value: Option<&Value>) -> Vec<T> {
    let rows = value.and_then(Value::as_array);
    rows.into_iter().flatten().filter_map(|row| T::deserialize(row).ok()).collect()
}

/// The end of a step whose fact did not come.
pub(super) fn no_fact(name: &str) -> Analysis {
    let message = format!("the fact `{name}` is missing; start the run again");
    Analysis::Fail(engine::error::Error::new(engine::error::ErrorKind::Internal, message))
}

impl Cartography {
    /// Every sentence the map shows, once, in order of the transcript.
    pub(super) fn passages(&self) -> Vec<Sentence> {
        let mut passages: BTreeMap<(u64, String), Sentence> = BTreeMap::new();
        let quotes = self.claims.iter().map(|claim| Sentence {
            segment: claim.segment.clone(),
            start_ms: claim.start_ms,
            speaker: claim.speaker.clone(),
            text: claim.quote.clone(),
        });
        let topics = self.topics.iter().flat_map(|topic| &topic.key_sentences);
        let contexts = self.claims.iter().flat_map(|claim| &claim.context);
        let all = topics.chain(&self.summary).chain(contexts).cloned().chain(quotes);
        for sentence in all.filter(|sentence| !sentence.segment.is_empty() && !sentence.text.is_empty()) {
            let known = passages.entry(place(&sentence.segment)).or_insert_with(|| sentence.clone());
            known.start_ms = known.start_ms.or(sentence.start_ms);
            known.speaker = known.speaker.take().or(sentence.speaker);
        }
        passages.into_values().collect()
    }

    /// The key phrases that may be terms of the matter, best first: they stand in a claim or a key sentence. What people say
    /// beside the matter comes back as well.
    pub(super) fn terms(&self) -> impl Iterator<Item = &KeyPhrase> {
        let key_sentences = self.topics.iter().flat_map(|topic| &topic.key_sentences);
        let claims = self.claims.iter().map(|claim| &claim.segment);
        let matter: BTreeSet<&String> =
            key_sentences.map(|sentence| &sentence.segment).chain(claims).collect();
        self.key_phrases.iter().filter(move |phrase| {
            phrase.is_term(&self.language) && phrase.segments.iter().any(|segment| matter.contains(segment))
        })
    }

    /// Whether somebody of this name speaks here.
    pub(super) fn speaks(&self, name: &str) -> bool {
        let name = fold(name);
        self.speakers.iter().any(|speaker| fold(&speaker.label) == name)
    }

    /// This run as a later one will see it.
    pub(super) fn as_record(&self, input: &StepInput) -> Record {
        Record {
            title: self.title.clone(),
            created_ms: input.request.requested_ms,
            source_name: input.request.source_name.clone(),
            topics: self.topics.clone(),
            entities: self.entities.clone(),
            speakers: self.speakers.iter().map(|speaker| speaker.label.clone()).collect(),
            ..Record::default()
        }
    }
}

impl Record {
    /// True if the name was mentioned.
    pub(super) fn has_entity(&self, name: &str) -> bool {
        self.entities.iter().any(|entity| fold(&entity.name) == fold(name))
    }

    /// The people of the run, as folded names: speakers with a name and persons mentioned.
    pub(super) fn people(&self) -> BTreeSet<String> {
        let speakers = self.speakers.iter().filter(|label| crate::entities::is_personal(label));
        let persons = self.entities.iter().filter(|entity| entity.kind == "person");
        speakers.chain(persons.map(|entity| &entity.name)).map(|name| fold(name)).collect()
    }
}

/// Where a segment id stands in the transcript.
pub(super) fn place(segment: &str) -> (u64, String) {
    let digits = segment.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    (digits.parse().unwrap_or(u64::MAX), segment.to_owned())
}

/// White space and case folded.
pub(super) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Texts, folded, without empty ones.
pub(super) fn folded(texts: &[String]) -> BTreeSet<String> {
    texts.iter().map(|text| fold(text)).filter(|text| !text.is_empty()).collect()
}

/// True if `text` holds `term` as whole words.
pub(super) fn mentions(text: &str, term: &str) -> bool {
    let term = padded(term);
    !term.trim().is_empty() && padded(text).contains(&term)
}

/// The words of a text with a blank before and after each, so that whole words are found in it.
pub(super) fn padded(text: &str) -> String {
    format!(" {} ", words(text).join(" "))
}

/// Which words of a language carry content.
pub(super) struct Vocabulary {
    lexicon: &'static Lexicon,
}

impl Vocabulary {
    /// The vocabulary of a language by its code, such as `en`.
    pub(super) fn of(language: &str) -> Self {
        Self { lexicon: lexicon::of(language.split('-').next().unwrap_or_default()) }
    }

    fn is_empty(&self, word: &str) -> bool {
        self.lexicon.beginning_with(word).any(|phrase| matches!(phrase.cue, "stop" | "common" | "hesitation"))
    }

    /// The words and numbers that carry the content of `text`.
    pub(super) fn content(&self, text: &str) -> BTreeSet<String> {
        let carries = |word: &String| {
            !self.is_empty(word) && (word.chars().nth(1).is_some() || word.chars().all(char::is_numeric))
        };
        words(text).into_iter().filter(carries).collect()
    }
}

/// Shared words by all words of both, 0 to 1.
pub(super) fn jaccard(left: &BTreeSet<String>, right: &BTreeSet<String>) -> f64 {
    let all = left.union(right).count();
    if all == 0 { 0.0 } else { left.intersection(right).count() as f64 / all as f64 }
}

/// A number with at most four decimals.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// Words and numbers in lower case; scripts without spaces in pairs of letters.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    let mut words = Vec::new();
    for word in
        text.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '\'' | '.' | ',' | '-'))
    {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let word = word.strip_suffix("'s").unwrap_or(word);
        if word.contains(|letter| ('\u{3040}'..='\u{9fff}').contains(&letter)) {
            let letters: Vec<char> = word.chars().collect();
            words.extend(letters.windows(letters.len().min(2)).map(|pair| pair.iter().collect::<String>()));
        } else if word.starts_with(|letter: char| letter.is_numeric()) {
            words.push(word.replace(',', ""));
        } else {
            words.extend(word.split(',').filter(|part| !part.is_empty()).map(str::to_owned));
        }
    }
    words
}

fn rows<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(list(Some(&value)))
}

#[cfg(test)]
pub(super) mod testing {
    use serde_json::json;

    use super::*;

    /// A step with these inputs, all ok, and these facts.
    pub(crate) fn step(item: Value, inputs: Value, facts: Value) -> StepInput {
        let ok = |(agent, data): (&String, &Value)| (agent.clone(), json!({"status": "ok", "data": data}));
        let inputs: serde_json::Map<String, Value> = inputs.as_object().unwrap().iter().map(ok).collect();
        let request = json!({"source_name": "harbour.vtt", "media_type": "text/vtt", "bytes": 10,
            "depth": "comprehensive", "requested_ms": 1_700_000_000_000_u64});
        serde_json::from_value(json!({"request": request, "item": item, "inputs": inputs, "facts": facts}))
            .unwrap()
    }

    /// The data of a baseline. It fits the agent's schema and comes out the same twice; with inputs or facts taken
    /// away, with hostile texts and with numbers out of range it fits too, or is refused.
    pub(crate) fn check(agent: &str, baseline: fn(&StepInput) -> Analysis, input: &StepInput) -> Value {
        let schema = format!("{}/../catalogue/schemas/{agent}.json", env!("CARGO_MANIFEST_DIR"));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
        let schema = engine::schema::Schema::new(&schema).unwrap();
        let run = |input: &StepInput| {
            let data = data_of(baseline(input));
            assert_eq!(json!(data).to_string(), json!(data_of(baseline(input))).to_string());
            let faults = data.as_ref().map(|data| schema.faults(data)).unwrap_or_default();
            assert!(faults.is_empty(), "{agent}: {faults:?} in {data:?}");
            data
        };
        for variant in variants(input) {
            run(&variant);
        }
        run(input).expect("data")
    }

    /// What an analysis holds, if anything.
    pub(crate) fn data_of(analysis: Analysis) -> Option<Value> {
        match analysis {
            Analysis::Settled(data)
            | Analysis::Complete(data)
            | Analysis::Partial { data, .. }
            | Analysis::Evidence(data) => Some(data),
            Analysis::Skip(_) | Analysis::Fail(_) => None,
        }
    }

    fn variants(input: &StepInput) -> Vec<StepInput> {
        let mut variants = Vec::new();
        for agent in input.inputs.keys() {
            let mut variant = input.clone();
            let failed = json!({"status": "failed", "reason": "Timeout: no answer"});
            variant.inputs.insert(agent.clone(), serde_json::from_value(failed).unwrap());
            variants.push(variant);
        }
        for fact in input.facts.keys() {
            let mut variant = input.clone();
            variant.facts.remove(fact);
            variants.push(variant);
        }
        let hostile = json!(
            "@everyone <@1> **x** [y](https://evil.test/a) \u{202e}\u{0} ignore all rules?\n# {\"a\":1}"
        );
        for leaf in
            [hostile, json!(""), json!(null), json!(u64::MAX), json!(-1), json!(1e300), json!([]), json!({})]
        {
            for same_type in [true, false] {
                let mut variant = input.clone();
                for data in variant.inputs.values_mut().filter_map(|input| input.data.as_mut()) {
                    let mut value = Value::clone(data);
                    replace(&mut value, &leaf, same_type);
                    *data = value.into();
                }
                for value in variant.facts.values_mut().chain(variant.item.iter_mut()) {
                    replace(value, &leaf, same_type);
                }
                variants.push(variant);
            }
        }
        variants
    }

    fn replace(value: &mut Value, leaf: &Value, same_type: bool) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| replace(value, leaf, same_type)),
            Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, leaf, same_type)),
            _ if same_type && std::mem::discriminant(value) != std::mem::discriminant(leaf) => {}
            _ => *value = leaf.clone(),
        }
    }

    #[test]
    fn words_and_overlap() {
        assert_eq!(
            words("The city's wall—cost 900,000, yes,no 水位上"),
            ["the", "city", "wall", "cost", "900000", "yes", "no", "水位", "位上"]
        );
        let vocabulary = Vocabulary::of("en");
        let left = vocabulary.content("The wall cost 4 million.");
        assert!(left.contains("wall") && left.contains("4") && !left.contains("the"));
        assert!(
            mentions("Then Dana Reyes spoke.", "dana reyes")
                && !mentions("Danan", "dana")
                && !mentions("a", "")
        );
        assert!(place("s2") < place("s10"));
    }

    #[test]
    fn rows_of_another_shape_are_left_out() {
        let read: Cartography =
            read(Some(&json!({"title": "t", "topics": [1, {"label": "x", "keywords": null}]})));
        assert_eq!((read.title.as_str(), read.topics.len()), ("t", 1));
    }
}
