//! Every pointer in a model's answer must point at something it was shown.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::step_input::StepInput;

const SEGMENT_FIELDS: [&str; 7] =
    ["segment", "first_segment", "last_segment", "after_segment", "before_segment", "segment_a", "segment_b"];

/// What in `answer` points at nothing, at most five findings; empty if everything stands.
///
/// Segment ids and run ids must occur in the input (or in what tools answered); quotes must occur word for word, white
/// space and case folded.
pub(crate) fn faults(
    answer: &Value,
    input: &StepInput,
    baseline: Option<&Value>,
    tool_answers: &[Value],
) -> Vec<String> {
    const MOST: usize = 5;
    let mut cited = Vec::new();
    collect(answer, &mut cited);
    let mut missing: BTreeSet<Cited<'_>> = cited.iter().copied().collect();
    let shown = || {
        let inputs = input.inputs.values().filter_map(|input| input.data.as_deref());
        inputs.chain(&input.item).chain(input.facts.values()).chain(baseline).chain(tool_answers)
    };
    for value in shown() {
        strike(value, &mut missing);
    }
    if missing.iter().any(|cited| matches!(cited, Cited::Quote(_))) {
        let mut folded = String::new();
        shown().for_each(|value| add_folded(value, &mut folded));
        missing.retain(|cited| !matches!(cited, Cited::Quote(quote) if folded.contains(&fold(quote))));
    }
    cited.retain(|cited| missing.contains(cited));
    cited.into_iter().take(MOST).map(Cited::fault).collect()
}

/// True if an answer points at a passage of the content it is about.
pub(crate) fn points_at_content(answer: &Value) -> bool {
    match answer {
        Value::Array(values) => values.iter().any(points_at_content),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let is_pointer = SEGMENT_FIELDS.contains(&name.as_str()) && !value.is_null();
            let are_pointers = name == "segments" && value.as_array().is_some_and(|list| !list.is_empty());
            is_pointer || are_pointers || points_at_content(value)
        }),
        _ => false,
    }
}

/// Something an answer points at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cited<'a> {
    Segment(&'a str),
    Run(&'a str),
    Quote(&'a str),
}

impl Cited<'_> {
    fn fault(self) -> String {
        match self {
            Cited::Segment(id) => format!("segment `{id}` is not in the evidence"),
            Cited::Run(id) => format!("run `{id}` is not in the evidence"),
            Cited::Quote(quote) => {
                let beginning: String = quote.chars().take(80).collect();
                format!("the quote \"{beginning}\" is not in the evidence word for word")
            }
        }
    }
}

/// The ids in a field that holds some, in an answer as in what is shown.
fn pointers<'a>(name: &str, value: &'a Value, mut tell: impl FnMut(Cited<'a>)) {
    match (name, value) {
        ("run_id", Value::String(id)) => tell(Cited::Run(id)),
        ("segments", Value::Array(ids)) => {
            ids.iter().filter_map(Value::as_str).map(Cited::Segment).for_each(tell);
        }
        (name, Value::String(id)) if SEGMENT_FIELDS.contains(&name) => tell(Cited::Segment(id)),
        _ => {}
    }
}

/// What an answer points at, in its order.
fn collect<'a>(value: &'a Value, cited: &mut Vec<Cited<'a>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, cited)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("quote", Value::String(quote)) => cited.push(Cited::Quote(quote)),
                    ("segments", Value::String(id)) => cited.push(Cited::Segment(id)),
                    (name, value) => pointers(name, value, |pointer| cited.push(pointer)),
                }
                collect(value, cited);
            }
        }
        _ => {}
    }
}

/// Takes out what a value shows, until nothing is left.
fn strike<'a>(value: &'a Value, missing: &mut BTreeSet<Cited<'a>>) {
    if missing.is_empty() {
        return;
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| strike(value, missing)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let mut found = |pointer| {
                    missing.remove(&pointer);
                };
                match (name.as_str(), value) {
                    ("id", Value::String(id)) => found(Cited::Segment(id)),
                    (name, value) => pointers(name, value, found),
                }
                strike(value, missing);
            }
        }
        Value::String(text) => {
            missing.retain(|cited| !matches!(cited, Cited::Quote(quote) if text.contains(quote)));
        }
        _ => {}
    }
}

/// All texts in a value, folded; no quote reaches from one into the next.
fn add_folded(value: &Value, folded: &mut String) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| add_folded(value, folded)),
        Value::Object(fields) => fields.values().for_each(|value| add_folded(value, folded)),
        Value::String(text) => {
            folded.push_str(&fold(text));
            folded.push('\u{1}');
        }
        _ => {}
    }
}

/// White space and case folded.
pub(crate) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::step_input::RequestView;

    fn check(answer: Value, expected: usize) {
        let evidence = json!({"segments": [{"id": "s1", "text": "The  dam holds 3 million\nlitres."}], "runs": [{"run_id": "R1"}]});
        let input = StepInput {
            request: RequestView::of_text(),
            item: None,
            inputs: Default::default(),
            facts: [("x".to_owned(), evidence)].into(),
        };
        assert_eq!(faults(&answer, &input, None, &[]).len(), expected, "{answer}");
    }

    #[test]
    fn only_what_was_shown_can_be_cited() {
        check(json!({"segment": "s1", "run_id": "R1", "quote": "the dam holds 3 million litres"}), 0);
        check(json!({"segment": "s2"}), 1);
        check(json!({"deep": [{"segments": ["s1", "s9"]}]}), 1);
        check(json!({"run_id": "R2", "quote": "the dam holds 4 million litres"}), 2);
        check(json!({"segment": null, "text": "s77"}), 0);
        // A run is no segment, and no quote reaches from one text into the next.
        check(json!({"segments": ["R1", "s1", "R1"], "run_id": "s1"}), 3);
        check(json!({"quote": "3 million litres. R1"}), 1);
        check(json!({"quote": ""}), 0);
        let many: Vec<Value> = (0..9).map(|number| json!({"after_segment": format!("x{number}")})).collect();
        check(json!(many), 5);
    }
}
