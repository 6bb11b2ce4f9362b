//! Word lists as data: `lexicon/<language>.txt`, sections of phrases, each phrase a cue.
//!
//! A file has `[cue]` lines followed by comma-separated phrases in lower case; `word*` matches any ending.
//! Languages without a file have no cues: findings are then fewer, and say so by being empty.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A phrase and the cue it fires.
#[derive(Debug)]
pub struct Phrase {
    /// The section's name.
    pub cue: &'static str,
    /// The words in lower case.
    pub words: Vec<&'static str>,
    /// True if the last word matches any ending.
    pub open: bool,
}

/// The phrases of a language, in the order of its file, and where each word leads.
#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    phrases: Vec<Phrase>,
    /// The phrases that begin with a word, as indices, ascending.
    first: HashMap<&'static str, Vec<usize>>,
    /// The bytes of the longest phrase of one word that leaves its ending open.
    longest_open: usize,
}

impl Lexicon {
    fn read(file: &'static str) -> Self {
        let phrases = read(file);
        let mut first: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (place, phrase) in phrases.iter().enumerate() {
            first.entry(phrase.words[0]).or_default().push(place);
        }
        let open = phrases.iter().filter(|phrase| phrase.open && phrase.words.len() == 1);
        let longest_open = open.map(|phrase| phrase.words[0].len()).max().unwrap_or(0);
        Self { phrases, first, longest_open }
    }

    /// The phrases whose first word is this one.
    pub(crate) fn beginning_with(&self, word: &str) -> impl Iterator<Item = &Phrase> {
        self.first.get(word).into_iter().flatten().map(|place| &self.phrases[*place])
    }

    /// True for a sound that is made while one thinks.
    pub(crate) fn is_hesitation(&self, word: &str) -> bool {
        self.beginning_with(word).any(|phrase| phrase.cue == "hesitation")
    }

    /// The phrases that may match where this word stands, in order: those of one word that leave its ending open among them.
    pub(crate) fn at(&self, word: &str) -> Vec<&Phrase> {
        let is_ending = |place: &usize| self.phrases[*place].open && self.phrases[*place].words.len() == 1;
        let ends =
            word.char_indices().map(|(end, _)| end).skip(1).take_while(|end| *end <= self.longest_open);
        let starts = ends.filter_map(|end| self.first.get(&word[..end]));
        let mut places: Vec<usize> = starts.flatten().copied().filter(is_ending).collect();
        places.extend(self.first.get(word).into_iter().flatten());
        places.sort_unstable();
        places.into_iter().map(|place| &self.phrases[place]).collect()
    }
}

/// The lexicon of a language; empty for languages without a file.
pub(crate) fn of(language: &str) -> &'static Lexicon {
    match language {
        "de" => &GERMAN,
        "en" => &ENGLISH,
        "es" => &SPANISH,
        "fr" => &FRENCH,
        "it" => &ITALIAN,
        "pt" => &PORTUGUESE,
        "ru" => &RUSSIAN,
        _ => &NONE,
    }
}

/// The phrases of a language, in the order of its file; empty for languages without a file.
pub fn phrases(language: &str) -> &'static [Phrase] {
    &of(language).phrases
}

/// Names of people and places, and what marks them; for every language.
pub fn names() -> &'static [Phrase] {
    &NAMES
}

/// Months, currencies and units of measure; for every language.
pub fn measures() -> &'static [Phrase] {
    &MEASURES
}

/// What words that lure in titles are called; English.
pub fn lures() -> &'static [Phrase] {
    &LURES
}

static ENGLISH: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(include_str!("../lexicon/en.txt")));
static FRENCH: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(include_str!("../lexicon/fr.txt")));
static GERMAN: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(include_str!("../lexicon/de.txt")));
static ITALIAN: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(include_str!("../lexicon/it.txt")));
static LURES: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/clickbait.txt")));
static MEASURES: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/measures.txt")));
static NAMES: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/names.txt")));
static NONE: LazyLock<Lexicon> = LazyLock::new(Lexicon::default);
static PORTUGUESE: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(include_str!("../lexicon/pt.txt")));
static RUSSIAN: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(include_str!("../lexicon/ru.txt")));
static SPANISH: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(include_str!("../lexicon/es.txt")));

pub(crate) fn read(file: &'static str) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let mut cue = "";
    for line in file.lines() {
        if let Some(name) = line.strip_prefix('[') {
            cue = name.trim_end().trim_end_matches(']');
        } else if !line.starts_with('#') {
            for phrase in line.split(',').map(str::trim).filter(|phrase| !phrase.is_empty()) {
                let open = phrase.ends_with('*');
                let words = phrase.trim_end_matches('*').split(' ').collect();
                phrases.push(Phrase { cue, words, open });
            }
        }
    }
    phrases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_lower_case_and_in_sections() {
        for language in ["de", "en", "es", "fr", "it", "pt", "ru"] {
            for phrase in phrases(language) {
                assert!(!phrase.cue.is_empty());
                for word in &phrase.words {
                    assert_eq!(word.to_lowercase(), *word, "{language}");
                    assert!(!word.is_empty() && !word.contains('’'), "{language}: {:?}", phrase.words);
                }
            }
            assert!(
                phrases(language).iter().filter(|phrase| phrase.cue == "stop").count() > 60,
                "{language}"
            );
        }
        assert!(!names().is_empty() && !measures().is_empty());
    }
}
