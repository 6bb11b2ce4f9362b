//! The paths of the workflow file: `$`, `$.a.b`, `$['a']` and `$.a[0]`. No wildcard, no filter, no slice.

use serde_json::{Map, Value};

use super::failure::Failure;

/// A path into a state's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Name(String),
    Index(usize),
}

impl Path {
    /// The path `$`.
    pub(super) fn root() -> Self {
        Self { text: "$".to_owned(), parts: Vec::new() }
    }

    /// True for the path `$`.
    pub(super) fn is_root(&self) -> bool {
        self.parts.is_empty()
    }

    /// Reads a path; says what is wrong with one that is not implemented.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is not a path of the forms `$`, `$.a.b`, `$['a']`, `$.a[0]`");
        let mut rest = text.strip_prefix('$').ok_or_else(refused)?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (part, after) = next_part(rest).ok_or_else(refused)?;
            parts.push(part);
            rest = after;
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The value at this path.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.parts.iter().try_fold(value, |value, part| match part {
            Part::Name(name) => value.as_object()?.get(name),
            Part::Index(index) => value.as_array()?.get(*index),
        })
    }

    /// The value at this path, or `States.Runtime`.
    pub(super) fn get<'v>(&self, value: &'v Value) -> Result<&'v Value, Failure> {
        self.find(value).ok_or_else(|| Failure::runtime(format!("`{}` is not in the input", self.text)))
    }

    /// True if it has no index, as a path that is written to must not.
    pub(super) fn is_writable(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Name(_)))
    }

    /// Puts `value` at this path of `into`, with the objects on the way.
    pub(super) fn put(&self, into: &mut Value, value: Value) -> Result<(), Failure> {
        let mut at = into;
        for part in &self.parts {
            let (Part::Name(name), Value::Object(map)) = (part, at) else {
                let cause = format!("`{}` cannot be put into the state's input", self.text);
                return Err(Failure::new("States.ResultPathMatchFailure", cause));
            };
            at = map.entry(name.as_str()).or_insert_with(|| Value::Object(Map::new()));
        }
        *at = value;
        Ok(())
    }
}

fn next_part(text: &str) -> Option<(Part, &str)> {
    if let Some(name) = text.strip_prefix('.') {
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        let (name, rest) = name.split_at(end);
        return (!name.is_empty()).then(|| (Part::Name(name.to_owned()), rest));
    }
    if let Some(name) = text.strip_prefix("['") {
        let (name, rest) = name.split_once("']")?;
        let is_plain = !name.is_empty() && !name.contains(['\'', '\\', '*']);
        return is_plain.then(|| (Part::Name(name.to_owned()), rest));
    }
    let (index, rest) = text.strip_prefix('[')?.split_once(']')?;
    let is_number = index.bytes().all(|byte| byte.is_ascii_digit());
    Some((Part::Index(index.parse().ok().filter(|_| is_number)?), rest))
}
