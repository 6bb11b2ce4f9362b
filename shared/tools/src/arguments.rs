//! Arguments as a model wrote them: anything may be in them.

use engine::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

/// The longest query, in characters.
pub(crate) const LONGEST_QUERY: usize = 500;

/// A search: what for, and how many answers at most.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Search<'a> {
    pub(crate) query: &'a str,
    pub(crate) limit: usize,
}

/// The schema of a search's arguments. Every property is required, so that providers can hold a model to it.
pub(crate) fn search_schema(query: &str, most: usize) -> Value {
    json!({
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": query},
            "limit": {
                "type": ["integer", "null"],
                "description": format!("How many at most, 1 to {most}; null for the usual number."),
            },
        },
        "required": ["query", "limit"],
        "additionalProperties": false,
    })
}

/// Reads the arguments of a search. Kind `InvalidInput` says what would be right.
pub(crate) fn search(arguments: &Value, usual: usize, most: usize) -> Result<Search<'_>> {
    let object =
        arguments.as_object().ok_or_else(|| wrong("the arguments must be an object with a `query`"))?;
    if object.keys().any(|name| name != "query" && name != "limit") {
        return Err(wrong("there are two arguments: `query` and `limit`"));
    }
    Ok(Search { query: query(object)?, limit: limit(object, usual, most)? })
}

fn query(object: &Map<String, Value>) -> Result<&str> {
    let query = object.get("query").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if query.is_empty() {
        return Err(wrong("`query` must be a text of one or more words"));
    }
    if query.chars().nth(LONGEST_QUERY).is_some() {
        return Err(wrong(&format!("`query` must have at most {LONGEST_QUERY} characters")));
    }
    Ok(query)
}

fn limit(object: &Map<String, Value>, usual: usize, most: usize) -> Result<usize> {
    let limit = match object.get("limit") {
        None | Some(Value::Null) => return Ok(usual),
        Some(limit) => limit.as_u64().and_then(|limit| usize::try_from(limit).ok()),
    };
    limit
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| wrong(&format!("`limit` must be a whole number from 1 to {most}, or null")))
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
