//! Reading evidence: small looks into JSON, words and numbers.

use serde_json::Value;

const STOP_WORDS: [&str; 62] = [
    "about", "after", "again", "also", "because", "been", "before", "being", "between", "both", "could",
    "does", "down", "each", "even", "every", "from", "have", "here", "into", "just", "like", "more", "most",
    "much", "must", "never", "only", "other", "over", "said", "same", "says", "should", "since", "some",
    "such", "than", "thank", "that", "their", "them", "then", "there", "these", "they", "this", "those",
    "very", "want", "well", "were", "what", "when", "where", "which", "while", "will", "with", "would",
    "year", "your",
];

/// The text of a field, empty if there is none.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The entries of a list field, none if there is none.
pub(super) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list field.
pub(super) fn texts<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    list(value, field).iter().filter_map(Value::as_str)
}

/// The whole number of a field, zero if there is none.
pub(super) fn number(value: &Value, field: &str) -> i64 {
    value.get(field).and_then(Value::as_i64).unwrap_or_default()
}

/// The field itself, null if there is none.
pub(super) fn field(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or(Value::Null)
}

/// Lower-case words of letters and digits.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .map(|word| word.trim_matches('\'').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The words that carry a text, each once, in order.
pub(super) fn content_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in words(text) {
        let carries = word.chars().count() > 3
            && !word.starts_with(|first: char| first.is_ascii_digit())
            && !STOP_WORDS.contains(&word.as_str());
        if carries && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// How many carrying words two texts share.
pub(super) fn shared_words(one: &str, other: &str) -> Vec<String> {
    let other = content_words(other);
    content_words(one).into_iter().filter(|word| other.contains(word)).collect()
}

/// The numbers of a text as they are written, without thousands separators and final points.
pub(super) fn numbers(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | ','))
        .map(|part| part.trim_matches(['.', ',']).replace(',', ""))
        .filter(|part| part.starts_with(|first: char| first.is_ascii_digit()))
        .collect()
}

/// The carrying words of texts by how often they occur, most frequent first, then in order of the alphabet.
pub(super) fn frequent<'a>(of: impl Iterator<Item = &'a str>, most: usize) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for text in of {
        let carrying = content_words(text);
        for word in words(text).into_iter().filter(|word| carrying.contains(word)) {
            *counts.entry(word).or_default() += 1;
        }
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|(word, count), (other_word, other)| other.cmp(count).then(word.cmp(other_word)));
    ranked.into_iter().take(most).map(|(word, _)| word).collect()
}

/// Milliseconds as minutes and seconds.
pub(super) fn clock_time(start_ms: Option<i64>) -> String {
    start_ms.map_or_else(String::new, |milliseconds| {
        let seconds = milliseconds / 1000;
        format!("[{}:{:02}] ", seconds / 60, seconds % 60)
    })
}

/// The first `most` characters.
pub(super) fn start_of(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
