//! Lexical search, shared by the tools that search: what is asked, and how well a text answers.

use std::collections::BTreeSet;

use engine::error::{Error, ErrorKind, Result};
use serde_json::{Value, json};

/// A tool's answer holds at most so many matches.
pub(crate) const MOST: usize = 8;
const LONGEST_QUERY: usize = 500;

/// The schema of `{query}`.
pub(crate) fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {"query": {"type": "string", "description": "What to look for, in a few words."}},
        "required": ["query"],
        "additionalProperties": false,
    })
}

/// The words asked for. Errors: `InvalidInput`, told to the model.
pub(crate) fn query(arguments: &Value) -> Result<BTreeSet<String>> {
    let refuse = |what: &str| Err(Error::new(ErrorKind::InvalidInput, what));
    match arguments["query"].as_str() {
        None => refuse("give {\"query\": \"words to look for\"}"),
        Some(text) if text.len() > LONGEST_QUERY => refuse("the query is too long; a few words will do"),
        Some(text) => match words(text) {
            words if words.is_empty() => refuse("the query has no words in it"),
            words => Ok(words),
        },
    }
}

/// The share of the words asked for that occur in a text, 0 to 1.
pub(crate) fn score(query: &BTreeSet<String>, text: &str) -> f64 {
    let found = words(text);
    let shared = query.iter().filter(|word| found.contains(*word)).count();
    shared as f64 / query.len().max(1) as f64
}

/// The best matches of at least half the words, best first, in a fixed order.
pub(crate) fn best(mut scored: Vec<(f64, Value)>) -> Vec<Value> {
    const LEAST: f64 = 0.5;
    scored.retain(|(score, _)| *score >= LEAST);
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(MOST).map(|(_, value)| value).collect()
}

/// Words of two letters or more, and numbers, in lower case.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.chars().count() > 1 || word.chars().any(char::is_numeric))
        .map(str::to_lowercase)
        .collect()
}
