//! Answers that stay inside a bound.

use serde_json::Value;

/// The most a tool answers, in bytes of JSON.
pub(crate) const LARGEST_ANSWER_BYTES: usize = 8 * 1024;

/// The longest single text in an answer, in characters.
const LONGEST_TEXT: usize = 500;

/// As many of the rows, best first, as fit beside an answer's other parts.
pub(crate) fn fitting(rows: impl IntoIterator<Item = Value>) -> Vec<Value> {
    const FOR_THE_REST_BYTES: usize = 512;
    let mut left = LARGEST_ANSWER_BYTES - FOR_THE_REST_BYTES;
    let mut fitting = Vec::new();
    for row in rows {
        let bytes = row.to_string().len() + 1;
        if bytes <= left {
            left -= bytes;
            fitting.push(row);
        }
    }
    fitting
}

/// The beginning of a text, verbatim.
pub(crate) fn beginning(text: &str) -> &str {
    text.char_indices().nth(LONGEST_TEXT).map_or(text, |(end, _)| &text[..end])
}
