//! The part of JSON Schema that `output_config.format` knows. It refuses a schema with bounds of numbers, lengths and
//! counts, so these are told to the model in the description; the engine checks the answer against the whole schema.

use serde_json::{Map, Value};

/// Keywords that hold schemas by name.
const NAMED: [&str; 4] = ["properties", "$defs", "definitions", "patternProperties"];
/// Keywords that are data, not schemas.
const DATA: [&str; 4] = ["enum", "const", "default", "examples"];
const UNKNOWN: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "pattern",
];

/// The schema with every bound it may not have moved into words.
pub(super) fn known_part(schema: &Value) -> Value {
    let mut known = part(schema);
    if let Some(fields) = known.as_object_mut() {
        fields.remove("$schema");
        fields.remove("$id");
    }
    known
}

fn part(schema: &Value) -> Value {
    match schema {
        Value::Array(schemas) => schemas.iter().map(part).collect(),
        Value::Object(fields) => Value::Object(object(fields)),
        other => other.clone(),
    }
}

fn object(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut known = Map::new();
    let mut bounds = Vec::new();
    for (name, value) in fields {
        match (name.as_str(), value) {
            (name, bound) if UNKNOWN.contains(&name) => bounds.push(format!("{name} {bound}")),
            (name, Value::Object(named)) if NAMED.contains(&name) => {
                let parts = named.iter().map(|(name, schema)| (name.clone(), part(schema)));
                known.insert(name.to_owned(), Value::Object(parts.collect()));
            }
            (name, data) if DATA.contains(&name) => {
                known.insert(name.to_owned(), data.clone());
            }
            (name, schema) => {
                known.insert(name.to_owned(), part(schema));
            }
        }
    }
    if !bounds.is_empty() {
        let said = known.get("description").and_then(Value::as_str).unwrap_or_default();
        let told = format!("{said} ({})", bounds.join(", "));
        known.insert("description".to_owned(), told.trim_start().into());
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_become_words_and_everything_else_stays() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "score": {"type": "number", "description": "How sure.", "minimum": 0, "maximum": 1},
                "minimum": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
                "kind": {"enum": [{"minimum": 1}]},
            },
            "$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/x"}, "maxItems": 4}},
            "required": ["score", "minimum", "kind"],
            "additionalProperties": false,
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "score": {"type": "number", "description": "How sure. (maximum 1, minimum 0)"},
                "minimum": {"anyOf": [{"type": "string", "description": "(maxLength 3)"}, {"type": "null"}]},
                "kind": {"enum": [{"minimum": 1}]},
            },
            "$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/x"}, "description": "(maxItems 4)"}},
            "required": ["score", "minimum", "kind"],
            "additionalProperties": false,
        });
        assert_eq!(known_part(&schema), expected);
        assert_eq!(known_part(&expected), expected);
    }
}
