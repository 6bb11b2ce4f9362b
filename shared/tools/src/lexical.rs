//! Search by words: which texts share rare words with a query.

use std::collections::{BTreeMap, BTreeSet};

/// Words that say nothing about a text's matter.
const COMMON: [&str; 60] = [
    "a", "about", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "did",
    "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "how", "if", "in", "is", "it",
    "its", "may", "more", "no", "not", "of", "on", "or", "our", "say", "she", "so", "than", "that", "the",
    "their", "there", "they", "this", "to", "was", "we", "were", "what", "when", "which", "who", "will",
    "with", "you",
];

const SHORTEST_STEM: usize = 5;

/// The words of a query that carry its meaning; all of them if none does.
pub(crate) fn query_words(query: &str) -> Vec<String> {
    let all: BTreeSet<String> = words(query).collect();
    let telling: Vec<String> =
        all.iter().filter(|word| COMMON.binary_search(&word.as_str()).is_err()).cloned().collect();
    if telling.is_empty() { all.into_iter().collect() } else { telling }
}

/// A score for each text, 0 where no word is shared. A word counts more the fewer texts have it.
pub(crate) fn scores(query: &[String], texts: &[&str]) -> Vec<f64> {
    let found: Vec<BTreeSet<usize>> = texts.iter().map(|text| matches(query, text)).collect();
    let mut holders: BTreeMap<usize, usize> = BTreeMap::new();
    for word in found.iter().flatten() {
        *holders.entry(*word).or_default() += 1;
    }
    let weight = |word: &usize| {
        let holders = holders.get(word).copied().unwrap_or(1) as f64;
        (1.0 + texts.len() as f64 / holders).ln()
    };
    found.iter().map(|words| words.iter().map(weight).sum()).collect()
}

/// The positions of the query's words that a text has.
pub(crate) fn matches(query: &[String], text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for word in words(text) {
        found.extend(query.iter().enumerate().filter(|(_, wanted)| alike(wanted, &word)).map(|(at, _)| at));
    }
    found
}

/// Equal, or one an inflection of the other as far as its beginning tells.
fn alike(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    one == other || (short.len() >= SHORTEST_STEM && long.len() - short.len() <= 3 && long.starts_with(short))
}

/// Lowercase words; in scripts that do not part words, single characters.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).flat_map(
        |word| {
            if word.chars().any(is_unparted) {
                word.chars().map(|character| character.to_lowercase().collect()).collect()
            } else {
                vec![word.to_lowercase()]
            }
        },
    )
}

fn is_unparted(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_sorted() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn rare_words_decide() {
        let texts = ["the flood budget", "the budget", "a budget for all", "nothing of it"];
        let scores = scores(&query_words("What about the flood budgets?"), &texts);
        assert!(scores[0] > scores[1] && scores[1] > 0.0 && scores[1] == scores[2]);
        assert_eq!(scores[3], 0.0);
    }

    #[test]
    fn words_of_any_script_are_found() {
        for (query, text) in [
            ("洪水", "関東の洪水対策"),
            ("Überflutung", "die überflutung von 1997"),
            ("who", "who is who"),
            ("1997", "in 1997."),
        ] {
            assert!(!matches(&query_words(query), text).is_empty(), "{query}");
        }
        assert!(matches(&query_words("cat"), "concatenate catalogue").is_empty());
    }
}
