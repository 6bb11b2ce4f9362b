//! Sentences that say the same again, in nearly the same words.
//!
//! Two sentences repeat each other if they share most of their words by weight and agree in every number and in every
//! negation: "it cost 3 million" does not repeat "it cost 4 million". Words that carry content weigh 1, others a
//! quarter. Candidates are found by MinHash in bands, so the cost grows with the number of sentences, never with the
//! number of pairs; each candidate is then compared word by word.

use std::collections::{BTreeMap, HashMap};

use crate::document::Document;
use crate::numbers;

/// Sentences that share at least this much repeat each other.
pub const LEAST_SIMILARITY: f64 = 0.7;

/// Sentences of fewer words come back in any talk and are no repetition worth naming.
pub const FEWEST_WORDS: usize = 4;

/// Sentences that repeat one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// Indices of the segments, ascending; each is nearly the same as the first. At least two.
    pub segments: Vec<usize>,
    /// How much the one least like the first shares with it, from [`LEAST_SIMILARITY`] to 1.
    pub similarity: f64,
}

/// The groups of sentences that repeat each other, in order of their first sentence. Linear in the transcript.
pub fn find(document: &Document<'_>) -> Vec<Repeat> {
    let hashes: Vec<u64> = document.words.iter().map(|word| hash(&word.text)).collect();
    // The sentences that began a group or stand alone, by what candidates have in common with them.
    let mut leaders: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
    let mut groups: BTreeMap<usize, Repeat> = BTreeMap::new();
    for segment in 0..document.segments.len() {
        if document.tokens[segment].len() < FEWEST_WORDS {
            continue;
        }
        let keys = keys(document, segment, &hashes);
        let leader = keys
            .iter()
            .flat_map(|key| leaders.get(key).into_iter().flatten())
            .map(|leader| (similarity(document, *leader, segment), *leader))
            .filter(|(shared, _)| *shared >= LEAST_SIMILARITY)
            .max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(&left.1)));
        if let Some((shared, leader)) = leader {
            let fresh = Repeat { segments: vec![leader], similarity: 1.0 };
            let group = groups.entry(leader).or_insert(fresh);
            group.segments.push(segment);
            group.similarity = group.similarity.min(shared);
            continue;
        }
        for key in keys {
            let known = leaders.entry(key).or_default();
            if known.len() == MOST_LEADERS {
                known.remove(0);
            }
            known.push(segment);
        }
    }
    groups.into_values().collect()
}

/// True if two sentences repeat each other.
pub fn are_near(document: &Document<'_>, left: usize, right: usize) -> bool {
    similarity(document, left, right) >= LEAST_SIMILARITY
}

/// What two sentences share by weight of their words, 0 to 1; 0 where numbers or negations differ.
pub fn similarity(document: &Document<'_>, left: usize, right: usize) -> f64 {
    let (left, right) = (Sketch::new(document, left), Sketch::new(document, right));
    if left.figures != right.figures || left.negations != right.negations {
        return 0.0;
    }
    shared_weight(document, &left.terms, &right.terms)
}

/// What two lists of words share by their weight, 0 to 1; each list ascending.
pub(crate) fn shared_weight(document: &Document<'_>, left: &[u32], right: &[u32]) -> f64 {
    let weight = |word: u32| if document.words[word as usize].content { 1.0 } else { 0.25 };
    let (mut shared, mut all) = (0.0, 0.0);
    let (mut at, mut other) = (0, 0);
    while at < left.len() || other < right.len() {
        match (left.get(at), right.get(other)) {
            (Some(mine), Some(yours)) if mine == yours => {
                shared += weight(*mine);
                all += weight(*mine);
                at += 1;
                other += 1;
            }
            (Some(mine), yours) if yours.is_none_or(|yours| mine < yours) => {
                all += weight(*mine);
                at += 1;
            }
            (_, Some(yours)) => {
                all += weight(*yours);
                other += 1;
            }
            _ => break,
        }
    }
    if all > 0.0 { shared / all } else { 0.0 }
}

/// Leaders compared per band; more would make a talk of one phrase cost the square of its length.
const MOST_LEADERS: usize = 4;
const BANDS: usize = 10;
const ROWS: usize = 2;

/// What a sentence is compared by, each list ascending without repetition.
pub(crate) struct Sketch {
    /// All words.
    terms: Vec<u32>,
    /// The words that are no figures.
    pub(crate) words: Vec<u32>,
    pub(crate) figures: Vec<u32>,
    pub(crate) negations: usize,
}

impl Sketch {
    /// Takes a sentence to pieces.
    pub(crate) fn new(document: &Document<'_>, segment: usize) -> Self {
        let mut sketch = Self { terms: Vec::new(), words: Vec::new(), figures: Vec::new(), negations: 0 };
        for token in &document.tokens[segment] {
            let word = document.word(token);
            if is_negation(&word.text) {
                sketch.negations += 1;
            }
            if Self::is_figure(&word.text) {
                sketch.figures.push(token.word);
            } else {
                sketch.words.push(word.term);
            }
            sketch.terms.push(word.term);
        }
        for list in [&mut sketch.terms, &mut sketch.words, &mut sketch.figures] {
            list.sort_unstable();
            list.dedup();
        }
        sketch
    }

    /// True for a number in digits or, where the language has them listed, in words.
    pub(crate) fn is_figure(word: &str) -> bool {
        word.contains(char::is_numeric) || numbers::is_written_out(word)
    }
}

/// Words that turn a statement round, in the languages that have a word list.
fn is_negation(word: &str) -> bool {
    const NEGATIONS: &[&str] = &[
        "not",
        "no",
        "never",
        "none",
        "nobody",
        "nothing",
        "neither",
        "nor",
        "without",
        "cannot",
        "nicht",
        "kein",
        "keine",
        "keinen",
        "nie",
        "niemand",
        "nichts",
        "ohne",
        "pas",
        "jamais",
        "aucun",
        "sans",
        "nunca",
        "nada",
        "sin",
        "non",
        "mai",
        "nessuno",
        "senza",
        "não",
        "sem",
        "не",
        "нет",
        "ни",
        "никогда",
        "без",
    ];
    word.ends_with("n't") || NEGATIONS.contains(&word)
}

/// One key per band of the MinHash of the content words, and one for the very same words.
fn keys(document: &Document<'_>, segment: usize, hashes: &[u64]) -> Vec<(usize, u64)> {
    let sketch = Sketch::new(document, segment);
    let content = |term: &&u32| document.words[**term as usize].content;
    let mut terms: Vec<u64> =
        sketch.terms.iter().filter(content).map(|term| hashes[*term as usize]).collect();
    if terms.is_empty() {
        terms = sketch.terms.iter().map(|term| hashes[*term as usize]).collect();
    }
    let same = sketch.terms.iter().fold(0, |sum: u64, term| sum.wrapping_add(mix(hashes[*term as usize])));
    let mut keys = vec![(BANDS, same)];
    for band in 0..BANDS {
        let mut key = 0_u64;
        for row in 0..ROWS {
            let seed = mix((band * ROWS + row + 1) as u64);
            let least = terms.iter().map(|term| mix(term ^ seed)).min().unwrap_or_default();
            key = mix(key ^ least);
        }
        keys.push((band, key));
    }
    keys
}

/// FNV-1a.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The finaliser of SplitMix64.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::segments::Segment;

    fn segments(sentences: &[&str]) -> Vec<Segment> {
        sentences.iter().map(|text| Segment { text: (*text).into(), ..Segment::default() }).collect()
    }

    fn check(left: &str, right: &str, expected: bool) {
        let segments = segments(&[left, right]);
        let document = Document::new(&segments, "en");
        assert_eq!(are_near(&document, 0, 1), expected, "{left} / {right}: {}", similarity(&document, 0, 1));
        let grouped = !find(&document).is_empty();
        assert_eq!(grouped, expected, "{left} / {right}");
    }

    #[test]
    fn same_words_are_a_repetition_and_other_facts_are_not() {
        check("The wall protects 600 homes.", "The wall protects 600 homes.", true);
        check("The flood wall protects 600 homes.", "And the flood walls, they protect 600 homes!", true);
        check("The wall protects 600 homes.", "The wall protects 900 homes.", false);
        check("The wall protects twelve hundred homes.", "The wall protects thirteen hundred homes.", false);
        check("The wall is safe for the town.", "The wall is not safe for the town.", false);
        check("The wall is safe for the town.", "Schools need more teachers this year.", false);
    }

    #[test]
    fn groups_have_their_places() {
        let sentences = [
            "Call now and get the mattress for half price.",
            "The council met on Monday.",
            "So call now and get the mattress for half price!",
            "Rain fell in the hills.",
            "Call now, get the mattress for half the price.",
        ];
        let segments = segments(&sentences);
        let found = find(&Document::new(&segments, "en"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].segments, [0, 2, 4]);
        assert!(found[0].similarity >= LEAST_SIMILARITY);
    }

    #[test]
    fn many_repetitions_cost_no_more_than_many_sentences() {
        let sentences: Vec<&str> =
            std::iter::repeat_n("the same words come back once more", 20_000).collect();
        let segments = segments(&sentences);
        assert_eq!(find(&Document::new(&segments, "en"))[0].segments.len(), 20_000);
    }

    proptest! {
        #[test]
        fn the_measure_is_symmetric_and_groups_keep_to_it(
            texts in proptest::collection::vec("(wall|flood|town|not|3|été|水位|the)( (wall|flood|town|not|3|été|水位|the)){0,7}", 1..30),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let segments = segments(&texts);
            let document = Document::new(&segments, "en");
            for left in 0..texts.len() {
                let right = (left * 7 + 1) % texts.len();
                let shared = similarity(&document, left, right);
                prop_assert!((0.0..=1.0).contains(&shared));
                prop_assert_eq!(shared, similarity(&document, right, left));
            }
            let mut seen = std::collections::BTreeSet::new();
            for repeat in find(&document) {
                prop_assert!(repeat.segments.len() > 1 && repeat.segments.is_sorted());
                for segment in &repeat.segments {
                    prop_assert!(are_near(&document, repeat.segments[0], *segment));
                    prop_assert!(seen.insert(*segment));
                }
            }
        }
    }
}
