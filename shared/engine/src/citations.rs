//! Every pointer in a model's answer must point at something it was shown.

use std::cell::OnceCell;
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
    let mut known = Known::default();
    let shown = input.inputs.values().filter_map(|input| input.data.as_ref());
    for value in shown.chain(&input.item).chain(input.facts.values()).chain(baseline).chain(tool_answers) {
        known.learn(value);
    }
    let mut faults = Vec::new();
    known.check(answer, &mut faults);
    faults.truncate(MOST);
    faults
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

#[derive(Default)]
struct Known<'a> {
    segments: BTreeSet<&'a str>,
    runs: BTreeSet<&'a str>,
    texts: Vec<&'a str>,
    /// All texts, made when a quote stands in none of them letter for letter.
    folded: OnceCell<String>,
}

impl<'a> Known<'a> {
    fn learn(&mut self, value: &'a Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.learn(value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(text) = value.as_str() {
                        if name == "id" || SEGMENT_FIELDS.contains(&name.as_str()) {
                            self.segments.insert(text);
                        } else if name == "run_id" {
                            self.runs.insert(text);
                        }
                    } else if name == "segments" {
                        self.segments
                            .extend(value.as_array().into_iter().flatten().filter_map(Value::as_str));
                    }
                    self.learn(value);
                }
            }
            Value::String(text) => self.texts.push(text),
            _ => {}
        }
    }

    fn has_quote(&self, quote: &str) -> bool {
        let folded = || self.texts.iter().flat_map(|text| [fold(text), "\u{1}".to_owned()]).collect();
        self.texts.iter().any(|text| text.contains(quote))
            || self.folded.get_or_init(folded).contains(&fold(quote))
    }

    fn check(&self, value: &Value, faults: &mut Vec<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.check(value, faults)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.check_field(name, value, faults);
                    self.check(value, faults);
                }
            }
            _ => {}
        }
    }

    fn check_field(&self, name: &str, value: &Value, faults: &mut Vec<String>) {
        let cited: Vec<&str> = match value {
            Value::String(text) => vec![text],
            Value::Array(values) if name == "segments" => values.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        for cited in cited {
            let fault = if name == "segments" || SEGMENT_FIELDS.contains(&name) {
                (!self.segments.contains(cited)).then(|| format!("segment `{cited}` is not in the evidence"))
            } else if name == "run_id" {
                (!self.runs.contains(cited)).then(|| format!("run `{cited}` is not in the evidence"))
            } else if name == "quote" {
                (!self.has_quote(cited)).then(|| {
                    format!(
                        "the quote \"{}\" is not in the evidence word for word",
                        cited.chars().take(80).collect::<String>()
                    )
                })
            } else {
                None
            };
            faults.extend(fault);
        }
    }
}

/// White space and case folded.
fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Depth;
    use crate::step_input::RequestView;

    fn check(answer: Value, expected: usize) {
        let evidence = json!({"segments": [{"id": "s1", "text": "The  dam holds 3 million\nlitres."}], "runs": [{"run_id": "R1"}]});
        let input = StepInput {
            request: RequestView {
                source_name: "a".into(),
                media_type: "text/plain".into(),
                bytes: 1,
                depth: Depth::Quick,
                requested_ms: 0,
            },
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
    }
}
