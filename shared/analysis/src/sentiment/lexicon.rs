//! The rated words, the words that change the rating of others, and emoji in words.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::lexicon;

/// What a degree word adds to the valence of the word after it.
const BOOST: f64 = 0.293;

/// The mean valence of a word in lower case, about -4 to 4.
pub(super) fn word(lower: &str) -> Option<f64> {
    WORDS.get(lower).copied()
}

/// What a degree word adds; negative for one that dampens.
pub(super) fn degree(lower: &str) -> Option<f64> {
    RULES.degrees.get(lower).copied()
}

/// True for a word that turns the valence of a later one round.
pub(super) fn is_negation(lower: &str) -> bool {
    RULES.negations.contains(lower) || lower.contains("n't")
}

/// The valence of a phrase that means something else than its words.
pub(super) fn special_case(lower: &str) -> Option<f64> {
    RULES.special_cases.get(lower).copied()
}

/// An emoji in words.
pub(super) fn emoji(letter: char) -> Option<&'static str> {
    EMOJI.get(&letter).copied()
}

#[derive(Default)]
struct Rules {
    degrees: HashMap<String, f64>,
    negations: HashSet<String>,
    special_cases: HashMap<String, f64>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut rules = Rules::default();
    for phrase in lexicon::read(include_str!("../../lexicon/vader_rules.txt")) {
        let text = phrase.words.join(" ");
        match (phrase.cue, phrase.cue.parse()) {
            ("boost", _) => drop(rules.degrees.insert(text, BOOST)),
            ("dampen", _) => drop(rules.degrees.insert(text, -BOOST)),
            ("negation", _) => drop(rules.negations.insert(text)),
            (_, Ok(valence)) => drop(rules.special_cases.insert(text, valence)),
            (_, Err(_)) => {}
        }
    }
    rules
});

static WORDS: LazyLock<HashMap<&'static str, f64>> = LazyLock::new(|| {
    let lines = include_str!("../../lexicon/vader_words.txt").lines();
    lines
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(word, valence)| Some((word, valence.parse().ok()?)))
        .collect()
});

static EMOJI: LazyLock<HashMap<char, &'static str>> = LazyLock::new(|| {
    let lines = include_str!("../../lexicon/vader_emoji.txt").lines();
    lines
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(emoji, words)| Some((emoji.chars().next()?, words)))
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_whole() {
        assert_eq!((WORDS.len(), EMOJI.len()), (7488, 1212));
        assert_eq!((RULES.degrees.len(), RULES.negations.len(), RULES.special_cases.len()), (84, 59, 9));
        assert!(WORDS.values().all(|valence| valence.abs() <= 4.0));
        assert_eq!((word("good"), word("the"), special_case("bus stop")), (Some(1.9), None, Some(0.0)));
    }
}
