//! Small parts of an answer that every protocol has.

use serde_json::{Map, Value};

/// The text of a field; empty if there is none.
pub(crate) fn string(object: &Value, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A tool's arguments from the text a model wrote. Nothing is no arguments; what is no JSON stays the text it is.
pub(crate) fn arguments(text: &str) -> Value {
    match text.trim() {
        "" => Value::Object(Map::new()),
        trimmed => serde_json::from_str(trimmed).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}
