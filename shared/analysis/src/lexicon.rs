//! Word lists as data: `lexicon/<language>.txt`, sections of phrases, each phrase a cue.
//!
//! A file has `[cue]` lines followed by comma-separated phrases in lower case; `word*` matches any ending.
//! Languages without a file have no cues: findings are then fewer, and say so by being empty.

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

/// The phrases of a language, in the order of its file; empty for languages without a file.
pub fn phrases(language: &str) -> &'static [Phrase] {
    match language {
        "de" => &GERMAN,
        "en" => &ENGLISH,
        "es" => &SPANISH,
        "fr" => &FRENCH,
        "it" => &ITALIAN,
        "pt" => &PORTUGUESE,
        "ru" => &RUSSIAN,
        _ => &[],
    }
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

static ENGLISH: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/en.txt")));
static FRENCH: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/fr.txt")));
static GERMAN: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/de.txt")));
static ITALIAN: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/it.txt")));
static LURES: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/clickbait.txt")));
static MEASURES: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/measures.txt")));
static NAMES: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/names.txt")));
static PORTUGUESE: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/pt.txt")));
static RUSSIAN: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/ru.txt")));
static SPANISH: LazyLock<Vec<Phrase>> = LazyLock::new(|| read(include_str!("../lexicon/es.txt")));

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
