//! Evidence on one claim: what the transcript and earlier runs say on the same matter. The verdict is for a model.

use std::collections::BTreeSet;

use engine::error::{Error, ErrorKind};
use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Cartography, Claim, Sentence, Vocabulary};
use crate::document::Document;
use crate::likeness::Likeness;
use crate::numbers::{self, Number};
use crate::segments::Segment;

/// At most this many passages of each kind.
const MOST: usize = 8;
/// Earlier claims at least this much alike count as being about the same.
const ALIKE: f64 = 0.5;
/// So much two claims of one talk share that are about one matter.
const SHARED: usize = 2;
/// A sentence beside the claim with fewer words is left out.
const FEWEST_WORDS: usize = 3;

/// Gathers the evidence and judges nothing.
pub fn baseline(input: &StepInput) -> Analysis {
    let claim: Claim = input::read(input.item.as_ref());
    if claim.text.is_empty() {
        return Analysis::Fail(Error::new(ErrorKind::InvalidInput, "there is no claim to look at"));
    }
    let map = input::cartography(input);
    let vocabulary = Vocabulary::of(&map.language);
    let words = vocabulary.content(&claim.text);
    let beside: Vec<&Sentence> = claim.context.iter().filter(|sentence| tells(sentence)).collect();
    let mut others: Vec<(usize, &Claim)> = map
        .claims
        .iter()
        .filter(|other| !other.quote.is_empty() && !other.segment.is_empty())
        .map(|other| (weight_of_shared(&words, &vocabulary.content(&other.text)), other))
        .filter(|(shared, _)| *shared >= SHARED)
        .collect();
    // Stable: among equals the order of the map, best claim first.
    others.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
    let remembered = remembered(&words, &vocabulary, input);

    // All that is looked at is taken to pieces at once, the claim first.
    let texts = [claim.text.as_str(), &claim.quote].into_iter();
    let texts = texts
        .chain(beside.iter().map(|sentence| sentence.text.as_str()))
        .chain(others.iter().flat_map(|(_, other)| [other.text.as_str(), &other.quote]))
        .chain(
            remembered.iter().map(|passage| if passage.is_same_source { passage.text.as_str() } else { "" }),
        );
    let segments: Vec<Segment> =
        texts.map(|text| Segment { text: text.to_owned(), ..Segment::default() }).collect();
    let document = Document::new(&segments, &map.language);
    let likeness = Likeness::new(&document);
    // The claim itself, said again in nearly the same words, is no evidence for it.
    let is_copy = |at: usize| likeness.copies(0, at) || likeness.copies(1, at);
    let (first_other, first_remembered) = (2 + beside.len(), 2 + beside.len() + 2 * others.len());

    let mut seen = BTreeSet::from([claim.segment.as_str()]);
    let mut evidence: Vec<Value> = Vec::new();
    for (at, sentence) in (2..).zip(&beside) {
        if evidence.len() < MOST && !is_copy(at) && seen.insert(&sentence.segment) {
            evidence.push(passage(&sentence.segment, &sentence.text));
        }
    }
    let matters = Matters {
        document: &document,
        numbers: numbers::find(&document),
        names: Names::of(&map),
        vocabulary: &vocabulary,
    };
    let matter = matters.of(0);
    let others = (first_other..)
        .step_by(2)
        .zip(others)
        .filter(|(at, _)| matter.is_one_with(&matters.of(*at)) && !is_copy(at + 1))
        .filter(|(_, (_, other))| seen.insert(&other.segment))
        .take(MOST);
    evidence.extend(others.map(|(_, (_, other))| passage(&other.segment, &other.quote)));
    // What the same source said in an earlier run is no second source.
    let remembered = (first_remembered..)
        .zip(&remembered)
        .filter(|(at, passage)| !(passage.is_same_source && is_copy(*at)));
    evidence.extend(remembered.take(MOST).map(|(_, passage)| passage.citation()));

    Analysis::Evidence(json!({
        "claim_id": claim.id,
        "claim": claim.text,
        "verdict": "not_checked",
        "confidence": null,
        "reasoning": null,
        "citations": [],
        "evidence": evidence,
    }))
}

/// Whether a sentence beside the claim tells anything of it: "Renters." does not. Scripts without spaces have one word a sentence.
fn tells(sentence: &Sentence) -> bool {
    let is_long = sentence.text.split_whitespace().count() >= FEWEST_WORDS || !sentence.text.is_ascii();
    is_long && !sentence.text.is_empty() && !sentence.segment.is_empty()
}

/// Names of the content, each in its words.
struct Names<'a>(Vec<(&'a str, String)>);

impl<'a> Names<'a> {
    fn of(map: &'a Cartography) -> Self {
        let names = map.entities.iter().map(|entity| entity.name.as_str());
        Self(
            names
                .map(|name| (name, input::padded(name)))
                .filter(|(_, words)| !words.trim().is_empty())
                .collect(),
        )
    }
}

/// What a claim is about.
struct Matter {
    /// The words of the things it names.
    names: BTreeSet<String>,
    /// Its other words, and its numbers that are no dates.
    words: BTreeSet<String>,
    /// The words of those it names as having said so.
    sources: BTreeSet<String>,
}

/// What claims are told apart by.
struct Matters<'a> {
    document: &'a Document<'a>,
    numbers: Vec<Number>,
    names: Names<'a>,
    vocabulary: &'a Vocabulary,
}

impl Matters<'_> {
    /// What a text of the document is about.
    fn of(&self, segment: usize) -> Matter {
        let Self { document, names, vocabulary, .. } = self;
        let text = document.segments[segment].text.as_str();
        let numbers = self.numbers.iter().filter(|number| number.segment == segment);
        let dates = numbers.filter(|number| number.kind == numbers::Kind::Date);
        let undated = dates.fold(text.to_owned(), |text, date| text.replacen(&date.text, " ", 1));
        let cues = document.hits(segment).iter().filter(|hit| hit.cue == "attribution");
        let around: Vec<(&str, &str)> = cues
            .map(|hit| document.hit_range(hit))
            .map(|said| (text[..said.start].trim_end(), text[said.end..].trim_start()))
            .collect();
        let says = |name: &str| {
            let follows = |after: &str| {
                // With an article before it or none.
                after.starts_with(name)
                    || after.split_once(' ').is_some_and(|(_, rest)| rest.starts_with(name))
            };
            around.iter().any(|(before, after)| before.ends_with(name) || follows(after))
        };
        let words = input::padded(text);
        let named = names.0.iter().filter(|(_, name)| words.contains(name.as_str())).map(|(name, _)| *name);
        let (sources, things): (Vec<&str>, Vec<&str>) = named.partition(|name| says(name));
        let content = |names: &[&str]| names.iter().flat_map(|name| vocabulary.content(name)).collect();
        let (sources, names): (BTreeSet<String>, BTreeSet<String>) = (content(&sources), content(&things));
        let words = vocabulary.content(&undated).into_iter();
        Matter {
            words: words.filter(|word| !names.contains(word) && !sources.contains(word)).collect(),
            names,
            sources,
        }
    }
}

impl Matter {
    /// Whether two claims that share some words are about one matter: they share a name, or another word. Much happens on a day, so a
    /// date makes no matter. If both name things, and other ones, they are about one matter only if they say much the same of them:
    /// more than two thirds of what the shorter one says.
    fn is_one_with(&self, other: &Self) -> bool {
        let meets = |one: &Self, other: &Self| {
            let others = || other.names.iter().chain(&other.words).chain(&other.sources);
            one.names.iter().any(|name| others().any(|other| is_one_name(name, other)))
        };
        if meets(self, other) || meets(other, self) {
            return true;
        }
        let has_number = |word: &String| word.starts_with(char::is_numeric) && other.words.contains(word);
        if self.names.is_empty() || other.names.is_empty() || self.words.iter().any(has_number) {
            return !self.words.is_disjoint(&other.words);
        }
        let shared = self.words.intersection(&other.words).count();
        shared >= SHARED && 3 * shared > 2 * self.words.len().min(other.words.len())
    }
}

/// The same word of a name, but for an ending.
fn is_one_name(one: &str, other: &str) -> bool {
    const STEM: usize = 4;
    const ENDING: usize = 2;
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let longest = one.chars().count().max(other.chars().count());
    one == other || same >= STEM && longest - same <= ENDING
}

/// How much two sets of words share. A number in both weighs as much as two words.
fn weight_of_shared(left: &BTreeSet<String>, right: &BTreeSet<String>) -> usize {
    let weight = |word: &String| if word.starts_with(char::is_numeric) { 2 } else { 1 };
    left.intersection(right).map(weight).sum()
}

/// What a claim of an earlier run says on the same.
struct Remembered {
    alike: f64,
    is_same_source: bool,
    run: String,
    text: String,
}

impl Remembered {
    fn citation(&self) -> Value {
        json!({"source": "memory", "segment": null, "run_id": self.run, "url": null, "quote": self.text,
            "stance": "neutral"})
    }
}

/// Claims of earlier runs that are much alike, the most alike first.
fn remembered(words: &BTreeSet<String>, vocabulary: &Vocabulary, input: &StepInput) -> Vec<Remembered> {
    let mut found = Vec::new();
    for record in input::history(input).into_iter().filter(|record| !record.run_id.is_empty()) {
        let is_same_source = record.source_name == input.request.source_name;
        for claim in record.claims.into_iter().filter(|claim| !claim.text.is_empty()) {
            let alike = input::jaccard(words, &vocabulary.content(&claim.text));
            if alike >= ALIKE {
                found.push(Remembered {
                    alike,
                    is_same_source,
                    run: record.run_id.clone(),
                    text: claim.text,
                });
            }
        }
    }
    // Stable: among equals the newest run first, as the history is.
    found.sort_by(|left, right| right.alike.total_cmp(&left.alike));
    found
}

fn passage(segment: &str, text: &str) -> Value {
    json!({"source": "transcript", "segment": segment, "run_id": null, "url": null, "quote": text,
        "stance": "neutral"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn gathers_evidence_without_a_verdict() {
        let item = json!({"id": "c1", "text": "The wall cost 4 million dollars.", "quote": "The wall cost 4 million dollars.",
            "segment": "s2", "context": [{"segment": "s1", "text": "Now the wall."}, {"segment": "s2", "text": "same"}]});
        let other = |id: &str, segment: &str, text: &str| json!({"id": id, "text": text, "quote": text, "segment": segment});
        let map = json!({"language": "en", "claims": [
            other("c2", "s5", "Dogs bark."),
            other("c3", "s9", "The wall was 6 million dollars."),
            other("c4", "s11", "They paid 4 for it."),
            other("c5", "s12", "And so the wall, it cost 4 million dollars!"),
            other("c6", "s13", "As I said to all of you, the wall cost 4 million dollars."),
        ]});
        let own = json!({"run_id": "r2", "source_name": "harbour.vtt", "claims": [{"text": "The wall cost 4 million dollars."}]});
        let history = json!([own, {"run_id": "r1", "claims": [
            {"text": "The wall cost 5 million dollars.", "verdict": "refuted"}, {"text": "Cats sleep.", "verdict": null}]}]);
        let input = step(item, json!({"analysis_cartographer": map}), json!({"history": history}));
        let data = check("verification_director", baseline, &input);
        assert_eq!(data["verdict"], "not_checked");
        let places: Vec<&Value> = data["evidence"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| if row["segment"].is_null() { &row["run_id"] } else { &row["segment"] })
            .collect();
        assert_eq!(places, ["s1", "s9", "s11", "r1"]);
        assert_eq!(data["evidence"][3]["quote"], "The wall cost 5 million dollars.");
        assert!(data["evidence"].as_array().unwrap().iter().all(|row| row["stance"] == "neutral"));
    }

    #[test]
    fn claims_of_one_talk_are_about_one_matter_or_not() {
        fn check(language: &str, claim: &str, others: &[(&str, bool)]) {
            let name = |name: &str| json!({"name": name, "kind": "other", "mentions": 2});
            let names = [
                "Casgate",
                "Vorstead",
                "Thomas Edison",
                "Bell",
                "Reuters",
                "Herald",
                "Apple",
                "Иванов",
                "Иванове",
                "Петров",
            ];
            let names = names.map(name);
            for (other, is_evidence) in others {
                let item = json!({"id": "c1", "text": claim, "quote": claim, "segment": "s2"});
                let claims = json!([{"id": "c2", "text": other, "quote": other, "segment": "s9"}]);
                let map = json!({"language": language, "claims": claims, "entities": names});
                let input = step(item, json!({"analysis_cartographer": map}), json!({"history": []}));
                let data = input::testing::check("verification_director", baseline, &input);
                let found = data["evidence"].as_array().unwrap().len();
                assert_eq!(found, usize::from(*is_evidence), "{claim} {other}");
            }
        }
        check(
            "en",
            "The Casgate tram line opened with 40 stops on 11 April 1982.",
            &[
                ("The tram line has been losing money.", true),
                ("All 40 stops were closed.", true),
                ("Casgate had no trams at all in 1982.", true),
                ("The Vorstead council closed its tram line in 1974.", false),
                ("Vorstead has 40 stops.", true),
                ("The council met on 11 April 1982.", false),
                ("Vorstead had a line on 11 April 1982.", false),
                ("Bread was cheap on 11 May.", false),
                ("Dogs bark.", false),
            ],
        );
        check(
            "en",
            "Thomas Edison invented the telephone.",
            &[
                ("It was Bell who invented the telephone.", true),
                ("Edison took the telephone of somebody else.", true),
                ("Bell sold a telephone to his neighbour.", false),
            ],
        );
        check(
            "en",
            "The Casgate laboratory tightened the toll.",
            &[
                ("The Vorstead laboratory tightened the merger rules.", false),
                ("The Vorstead laboratory tightened the toll.", true),
            ],
        );
        // Whoever is named as a source is not what it is about.
        let wall = [
            ("According to the Herald, nobody has bought the harbour wall.", true),
            ("Bell had painted a picture of his harbour wall.", true),
        ];
        check("en", "Reuters reported that the old harbour wall had been sold.", &wall);
        check("en", "According to the Herald, the old harbour wall had been sold.", &wall[1..]);
        check(
            "en",
            "Apple announced the phone in 2007.",
            &[("Apple had shown the phone to nobody in 2007.", true)],
        );
        check("en", "The bridge was closed in 1982.", &[("In 1982 the bridge carried lorries.", true)]);
        check(
            "ru",
            "Иванов закрыл завод и продал старый порт городу.",
            &[
                ("При Иванове старый порт остался государственным.", true),
                ("При Петрове старый порт остался государственным.", true),
                ("Петров любил старый порт больше других.", false),
            ],
        );
    }

    #[test]
    fn no_claim_is_an_error() {
        assert!(matches!(baseline(&step(Value::Null, json!({}), json!({}))), Analysis::Fail(_)));
    }
}
