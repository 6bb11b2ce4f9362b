//! Schemas: they compile, they are strict, and they have the fields the rows name.

use engine::agent::AgentSpec;
use serde_json::{Map, Value};

use crate::CatalogueError;
use crate::rows::AgentRow;

/// The schema of a row, checked but for whether it compiles.
pub(crate) fn read(row: &AgentRow, text: &str) -> Result<Value, CatalogueError> {
    let (file, agent) = (format!("schemas/{}.json", row.id), row.id.clone());
    let bad =
        |problem: String| CatalogueError::BadSchema { file: file.clone(), agent: agent.clone(), problem };
    let schema: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(bad("the top level is not of type object".to_owned()));
    }
    if let Some(place) = loose_object(&schema, String::new()) {
        return Err(CatalogueError::LooseSchema { file, agent, place });
    }
    check_fields(row, &schema, &file)?;
    Ok(schema)
}

/// An agent's schema must compile.
pub(crate) fn compile(agent: &AgentSpec) -> Result<(), CatalogueError> {
    let bad = |problem: String| CatalogueError::BadSchema {
        file: format!("schemas/{}.json", agent.id),
        agent: agent.id.to_string(),
        problem,
    };
    agent.compiled().map(drop).map_err(|why| bad(why.to_owned()))
}

/// The names of the top-level properties, in order.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = &String> {
    schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|properties| properties.keys())
}

/// The properties of the objects in the list `field`, if that is a list of objects.
pub(crate) fn item_properties<'a>(schema: &'a Value, field: &str) -> Option<&'a Map<String, Value>> {
    fields(schema, schema.get("properties")?.get(field)?.get("items")?)
}

/// The properties of a part of a schema that is an object, a list of objects, or one of these or nothing; local definitions
/// are followed.
pub(crate) fn fields<'a>(schema: &'a Value, part: &'a Value) -> Option<&'a Map<String, Value>> {
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        return fields(schema, schema.pointer(reference.strip_prefix('#')?)?);
    }
    if let Some(parts) = part.get("anyOf").and_then(Value::as_array) {
        return parts.iter().find_map(|part| fields(schema, part));
    }
    match part.get("items") {
        Some(items) => fields(schema, items),
        None => part.get("properties")?.as_object(),
    }
}

/// The place of the first object schema that is open or leaves a property optional.
fn loose_object(schema: &Value, place: String) -> Option<String> {
    match schema {
        Value::Array(schemas) => schemas
            .iter()
            .enumerate()
            .find_map(|(index, schema)| loose_object(schema, format!("{place}/{index}"))),
        Value::Object(keywords) => {
            if let Some(properties) = keywords.get("properties").and_then(Value::as_object) {
                let closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
                let required = keywords.get("required").and_then(Value::as_array);
                let all = properties
                    .keys()
                    .all(|name| required.is_some_and(|names| names.iter().any(|other| other == name)));
                if !closed || !all {
                    return Some(if place.is_empty() { "/".to_owned() } else { place });
                }
            }
            keywords.iter().find_map(|(keyword, schema)| loose_object(schema, format!("{place}/{keyword}")))
        }
        _ => None,
    }
}

/// True if something inside a part of a schema is a quote or said to be verbatim; local definitions are followed.
fn has_words_verbatim(schema: &Value, part: &Value) -> bool {
    match part {
        Value::Array(parts) => parts.iter().any(|part| has_words_verbatim(schema, part)),
        Value::Object(keywords) => keywords.iter().any(|(keyword, part)| {
            let definition =
                part.as_str().filter(|_| keyword == "$ref").and_then(|name| name.strip_prefix('#'));
            let definition = definition.and_then(|place| schema.pointer(place));
            keyword == "quote" || has_words_verbatim(schema, definition.unwrap_or(part))
        }),
        Value::String(text) => text.contains("verbatim"),
        _ => false,
    }
}

fn check_fields(row: &AgentRow, schema: &Value, file: &str) -> Result<(), CatalogueError> {
    let answer = row.answer.iter().map(|field| ("answer", field));
    let same_answer = row.same_answer.iter().map(|field| ("same_answer", field));
    let semantic_text = row.cache.semantic_text.iter().map(|field| ("cache.semantic_text", field));
    let passages = row.cache.passages.iter().map(|field| ("cache.passages", field));
    for (list, field) in answer.chain(same_answer).chain(semantic_text).chain(passages) {
        if !properties(schema).any(|name| name == field) {
            let (agent, field, file) = (row.id.clone(), field.clone(), file.to_owned());
            return Err(CatalogueError::UnknownField { agent, list, field, file });
        }
    }
    let mut answered = row.answer.iter().filter_map(|field| schema["properties"].get(field));
    if row.shortened && answered.any(|part| has_words_verbatim(schema, part)) {
        return Err(CatalogueError::QuotesShortened { agent: row.id.clone(), file: file.to_owned() });
    }
    if row.analyser.is_none()
        && let Some(field) = properties(schema).find(|name| !row.answer.contains(name))
    {
        return Err(CatalogueError::UnfilledField { agent: row.id.clone(), field: field.clone() });
    }
    Ok(())
}
