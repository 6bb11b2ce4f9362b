//! Reading a JSON object field by field: a field nobody asked for is one that is not implemented.

use serde_json::{Map, Value};

/// Why a workflow file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}, field `{field}`: {problem}")]
pub struct AslError {
    /// Where: a state by name, or the machine.
    pub place: String,
    /// The field, with dots where it is nested.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The fields of an object that were not read yet.
pub(super) struct Fields {
    /// Where the object is, for errors.
    pub(super) place: String,
    inside: String,
    map: Map<String, Value>,
}

impl Fields {
    /// The fields of `value`, which is at `place`, in its field `inside` (empty for the place itself).
    pub(super) fn of(place: &str, inside: &str, value: Value) -> Result<Self, AslError> {
        let (place, inside) = (place.to_owned(), inside.to_owned());
        match value {
            Value::Object(map) => Ok(Self { place, inside, map }),
            _ => Err(AslError { place, field: inside, problem: "must be an object".to_owned() }),
        }
    }

    /// An error about a field.
    pub(super) fn wrong(&self, field: &str, problem: impl Into<String>) -> AslError {
        AslError { place: self.place.clone(), field: self.name(field), problem: problem.into() }
    }

    /// The full name of a field.
    pub(super) fn name(&self, field: &str) -> String {
        if self.inside.is_empty() { field.to_owned() } else { format!("{}.{field}", self.inside) }
    }

    /// Takes a field if it is there.
    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field)
    }

    /// Takes a field that must be there.
    pub(super) fn need(&mut self, field: &str) -> Result<Value, AslError> {
        self.take(field).ok_or_else(|| self.wrong(field, "is required"))
    }

    /// Takes a text.
    pub(super) fn text(&mut self, field: &str) -> Result<Option<String>, AslError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(field, "must be a text")),
        }
    }

    /// Takes a text that must be there.
    pub(super) fn need_text(&mut self, field: &str) -> Result<String, AslError> {
        self.text(field)?.ok_or_else(|| self.wrong(field, "is required"))
    }

    /// Takes an integer between `least` and `most`.
    pub(super) fn integer(&mut self, field: &str, least: u64, most: u64) -> Result<Option<u64>, AslError> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => match value.as_u64().filter(|number| (least..=most).contains(number)) {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(field, format!("must be an integer from {least} to {most}"))),
            },
        }
    }

    /// Takes a list that is not empty.
    pub(super) fn list(&mut self, field: &str) -> Result<Option<Vec<Value>>, AslError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Array(values)) if !values.is_empty() => Ok(Some(values)),
            Some(_) => Err(self.wrong(field, "must be a list that is not empty")),
        }
    }

    /// Takes what people and other readers write beside the fields that act: `Comment`, and `QueryLanguage`, which can
    /// only be JSONPath.
    pub(super) fn remarks(&mut self) -> Result<(), AslError> {
        self.text("Comment")?;
        match self.text("QueryLanguage")?.as_deref() {
            None | Some("JSONPath") => Ok(()),
            Some(other) => Err(self.wrong("QueryLanguage", format!("`{other}` is not implemented"))),
        }
    }

    /// The fields left, in order of name.
    pub(super) fn rest(self) -> impl Iterator<Item = (String, Value)> {
        self.map.into_iter()
    }

    /// Ends the reading: whatever is left is not implemented.
    pub(super) fn finish(self) -> Result<(), AslError> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(field) => Err(self.wrong(field, "is not implemented")),
        }
    }
}
