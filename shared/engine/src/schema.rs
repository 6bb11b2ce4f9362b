//! Data checked against JSON schemas.

use jsonschema::Validator;
use serde_json::Value;

/// The schemas of one agent, compiled once.
#[derive(Clone, Debug)]
pub struct Compiled {
    data: Option<Validator>,
    answer: Option<Validator>,
    answer_schema: Value,
    answer_schema_tokens: u64,
}

impl Compiled {
    /// Compiles both schemas; one that does not compile accepts nothing.
    pub fn new(data: &Value, answer: Value) -> Self {
        Self {
            data: jsonschema::validator_for(data).ok(),
            answer: jsonschema::validator_for(&answer).ok(),
            answer_schema_tokens: crate::prompt::tokens_at_most(&answer.to_string()),
            answer_schema: answer,
        }
    }

    /// The schema of a model's answer.
    pub fn answer_schema(&self) -> &Value {
        &self.answer_schema
    }

    /// At most so many tokens are that schema's text.
    pub(crate) fn answer_schema_tokens(&self) -> u64 {
        self.answer_schema_tokens
    }

    /// What is wrong with an agent's data, at most five findings; empty if nothing is.
    pub fn data_faults(&self, data: &Value) -> Vec<String> {
        faults(self.data.as_ref(), data)
    }

    /// What is wrong with a model's answer, at most five findings; empty if nothing is.
    pub fn answer_faults(&self, answer: &Value) -> Vec<String> {
        faults(self.answer.as_ref(), answer)
    }
}

fn faults(validator: Option<&Validator>, value: &Value) -> Vec<String> {
    const MOST: usize = 5;
    match validator {
        None => vec!["the schema itself does not compile".to_owned()],
        Some(validator) if validator.is_valid(value) => Vec::new(),
        Some(validator) => validator
            .iter_errors(value)
            .take(MOST)
            .map(|error| format!("at `{}`: {}", error.instance_path(), shorten(&error.to_string())))
            .collect(),
    }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
