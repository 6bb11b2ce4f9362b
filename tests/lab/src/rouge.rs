//! ROUGE: how much of a reference summary a candidate shares, as F1 from 0 to 1.
//!
//! Words are runs of letters and digits in lower case, without stemming and with stop words. [`rouge_1`] and
//! [`rouge_2`] count shared words and pairs of words, each at most as often as both have it. [`rouge_l`] is the longest
//! common subsequence of both whole texts.
//!
//! A set of documents is JSON lines, one object each, all fields strings:
//!
//! | field | what it holds |
//! |---|---|
//! | `id` | a short name, unique in the set |
//! | `source` | where the text is published |
//! | `licence` | under which terms, such as `public domain (work of the US government)` |
//! | `text` | the document without its abstract |
//! | `reference` | an abstract; who wrote it is said where the set lies |

use std::collections::BTreeMap;

use serde::Deserialize;

/// A document with an abstract.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// A short name, unique in the set.
    pub id: String,
    /// Where the text is published.
    pub source: String,
    /// Under which terms.
    pub licence: String,
    /// The document without its abstract.
    pub text: String,
    /// The abstract.
    pub reference: String,
}

/// Reads a set; the message names the line that cannot be read.
pub fn documents(lines: &str) -> Result<Vec<Document>, String> {
    let rows = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    rows.map(|(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1)))
        .collect()
}

/// F1 of shared words.
pub fn rouge_1(candidate: &str, reference: &str) -> f64 {
    overlap(&words(candidate), &words(reference), 1)
}

/// F1 of shared pairs of neighbouring words.
pub fn rouge_2(candidate: &str, reference: &str) -> f64 {
    overlap(&words(candidate), &words(reference), 2)
}

/// F1 of the longest common subsequence of words. Time is the product of both lengths.
pub fn rouge_l(candidate: &str, reference: &str) -> f64 {
    let (candidate, reference) = (words(candidate), words(reference));
    let mut row = vec![0_usize; reference.len() + 1];
    for word in &candidate {
        let mut diagonal = 0;
        for (at, other) in reference.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    f1(row[reference.len()], candidate.len(), reference.len())
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn overlap(candidate: &[String], reference: &[String], length: usize) -> f64 {
    let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
    for gram in reference.windows(length) {
        *counts.entry(gram).or_default() += 1;
    }
    let mut shared = 0;
    for gram in candidate.windows(length) {
        if let Some(left) = counts.get_mut(gram).filter(|left| **left > 0) {
            *left -= 1;
            shared += 1;
        }
    }
    let grams = |words: &[String]| (words.len() + 1).saturating_sub(length);
    f1(shared, grams(candidate), grams(reference))
}

fn f1(shared: usize, candidate: usize, reference: usize) -> f64 {
    if candidate + reference == 0 { 0.0 } else { 2.0 * shared as f64 / (candidate + reference) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(candidate: &str, reference: &str, expected: [f64; 3]) {
        let found =
            [rouge_1(candidate, reference), rouge_2(candidate, reference), rouge_l(candidate, reference)];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{candidate} / {reference}: {found} is not {expected}");
        }
    }

    #[test]
    fn counted_by_hand() {
        // 5 of 6 words; pairs "on the", "the mat" and "the cat" of 5; "the cat on the mat" in order.
        check("The cat sat on the mat.", "the cat was on the mat", [5.0 / 6.0, 3.0 / 5.0, 5.0 / 6.0]);
        check("a b c", "c b a", [1.0, 0.0, 1.0 / 3.0]);
        // A repeated word counts as often as the reference has it.
        check("the the the", "the cat", [2.0 / 5.0, 0.0, 2.0 / 5.0]);
        check("same words", "Same words!", [1.0, 1.0, 1.0]);
        check("", "words", [0.0, 0.0, 0.0]);
        check("", "", [0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_set_is_read_line_by_line() {
        let line = r#"{"id":"a","source":"s","licence":"l","text":"t","reference":"r"}"#;
        assert_eq!(documents(&format!("{line}\n\n{line}\n")).unwrap().len(), 2);
        assert!(documents("{}").unwrap_err().starts_with("line 1"));
    }
}
