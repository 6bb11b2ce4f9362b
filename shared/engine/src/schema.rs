//! Data checked against JSON schemas.

use std::fmt;
use std::sync::Arc;

use boon::{Compiler, Draft, ErrorKind, SchemaIndex, Schemas, ValidationError};
use serde_json::{Value, json};

/// Of so many findings all are told.
const MOST: usize = 5;

/// A JSON schema of draft 2020-12, compiled.
pub struct Schema {
    schemas: Schemas,
    root: SchemaIndex,
}

/// What is wrong with a value at one place of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A JSON pointer into the value; empty is the value itself.
    pub place: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong. None of them holds text of the value but the names of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing may be there.
    Forbidden,
    /// It fits none of the forms of which it must have one, or more than one of them.
    NotOneOf,
    /// Anything else, in words.
    Other(String),
}

impl Schema {
    /// Compiles `schema`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let mut schemas = Schemas::new();
        let root = compile(&mut compiler(), ROOT, schema.clone(), &mut schemas)?;
        Ok(Self { schemas, root })
    }

    /// What is wrong with `value`, at most five findings; empty if nothing is.
    pub fn faults(&self, value: &Value) -> Vec<Fault> {
        faults(&self.schemas, self.root, value)
    }
}

/// Where a schema is for itself. Nothing is ever looked for there.
const ROOT: &str = "schema:root";

fn compiler() -> Compiler {
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler
}

fn compile(
    compiler: &mut Compiler,
    place: &str,
    schema: Value,
    schemas: &mut Schemas,
) -> Result<SchemaIndex, String> {
    compiler.add_resource(place, schema).map_err(|error| format!("{error:#}"))?;
    compiler.compile(place, schemas).map_err(|error| format!("{error:#}"))
}

fn faults(schemas: &Schemas, root: SchemaIndex, value: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Err(error) = schemas.validate(value, root) {
        collect(&error, &mut faults);
    }
    faults
}

/// The ends of a tree of findings: what is above them says only that there is something below.
fn collect(error: &ValidationError<'_, '_>, faults: &mut Vec<Fault>) {
    let problem = match &error.kind {
        _ if faults.len() == MOST => return,
        ErrorKind::OneOf(_) => Problem::NotOneOf,
        _ if !error.causes.is_empty() => return error.causes.iter().for_each(|cause| collect(cause, faults)),
        ErrorKind::FalseSchema => Problem::Forbidden,
        ErrorKind::Pattern { want, .. } => Problem::Other(format!("does not match the pattern {want}")),
        ErrorKind::Format { want, .. } => Problem::Other(format!("is not a valid {want}")),
        kind => Problem::Other(kind.to_string()),
    };
    faults.push(Fault { place: error.instance_location.to_string(), problem });
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at `{}`: {}", self.place, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden => f.write_str("nothing may be here"),
            Self::NotOneOf => f.write_str("fits not exactly one of the forms it may have"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// What a model is asked for.
#[derive(Clone, Debug)]
pub struct AnswerSchema {
    /// The schema of the data with the answer's fields only.
    pub schema: Value,
    /// At most so many tokens are its text.
    pub tokens_at_most: u64,
}

impl AnswerSchema {
    /// The schema `data` with the fields `answer` only, each of which must be there.
    pub fn new(data: &Value, answer: &[String]) -> Self {
        let mut schema = data.clone();
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|name, _| answer.contains(name));
        }
        schema["required"] = Value::from(answer);
        let tokens_at_most = crate::prompt::tokens_at_most(&schema.to_string());
        Self { schema, tokens_at_most }
    }
}

/// The schemas of one agent's data and of a model's answer, compiled.
#[derive(Clone)]
pub struct Compiled {
    schemas: Arc<Schemas>,
    data: SchemaIndex,
    answer: SchemaIndex,
}

impl Compiled {
    /// Compiles both. What they have in common is compiled once: a field of an answer is that field of the data.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them, in words.
    pub fn new(data: &Value, answer: &AnswerSchema) -> Result<Self, String> {
        let mut pointing = answer.schema.clone();
        if let Some(fields) = pointing.as_object_mut() {
            fields.remove("$defs");
        }
        for (name, field) in
            pointing.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            *field = json!({"$ref": format!("{ROOT}#/properties/{name}")});
        }
        let (mut compiler, mut schemas) = (compiler(), Schemas::new());
        let data = compile(&mut compiler, ROOT, data.clone(), &mut schemas)?;
        let answer = compile(&mut compiler, "schema:answer", pointing, &mut schemas)?;
        Ok(Self { schemas: Arc::new(schemas), data, answer })
    }

    /// What is wrong with an agent's data, at most five findings; empty if nothing is.
    pub fn data_faults(&self, data: &Value) -> Vec<String> {
        in_words(&faults(&self.schemas, self.data, data))
    }

    /// What is wrong with a model's answer, at most five findings; empty if nothing is.
    pub fn answer_faults(&self, answer: &Value) -> Vec<String> {
        in_words(&faults(&self.schemas, self.answer, answer))
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").finish_non_exhaustive()
    }
}

fn in_words(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| shorten(&fault.to_string())).collect()
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_are_told_with_their_places() {
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 9},
                "count": {"type": "integer", "minimum": 1},
                "kind": {"enum": ["talk", "panel"]},
                "either": {"oneOf": [{"type": "string"}, {"type": "null"}]},
                "place": {"anyOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]},
                "never": false,
            },
            "$defs": {"place": {"type": "object", "required": ["start_ms"]}},
        });
        let schema = Schema::new(&schema).unwrap();
        let check = |value: Value, expected: &[(&str, &str)]| {
            let faults = schema.faults(&value);
            let found: Vec<_> =
                faults.iter().map(|fault| (fault.place.as_str(), fault.problem.to_string())).collect();
            let expected: Vec<_> =
                expected.iter().map(|(place, problem)| (*place, (*problem).to_owned())).collect();
            assert_eq!(found, expected, "{value}");
        };
        check(json!({"name": "abc", "count": 1, "kind": "talk", "either": null, "place": null}), &[]);
        check(json!({"name": "abc", "place": {"start_ms": 0}}), &[]);
        check(json!([]), &[("", "want object, but got array")]);
        check(json!({}), &[("", "missing properties 'name'")]);
        check(json!({"name": "Secret"}), &[("/name", "does not match the pattern ^[a-z]+$")]);
        check(json!({"name": "abcdefghij"}), &[("/name", "length must be <=9, but got 10")]);
        check(json!({"name": "abc", "count": 0}), &[("/count", "must be >=1, but got 0")]);
        check(json!({"name": "abc", "count": 1.5}), &[("/count", "want integer, but got number")]);
        check(json!({"name": "abc", "kind": "x"}), &[("/kind", "value must be one of 'talk', 'panel'")]);
        check(json!({"name": "abc", "x": 1}), &[("", "additionalProperties 'x' not allowed")]);
        check(json!({"name": "abc", "never": 1}), &[("/never", "nothing may be here")]);
        check(
            json!({"name": "abc", "either": 1}),
            &[("/either", "fits not exactly one of the forms it may have")],
        );
        check(
            json!({"name": "abc", "place": {}}),
            &[("/place", "missing properties 'start_ms'"), ("/place", "want null, but got object")],
        );
    }

    #[test]
    fn of_many_faults_five_are_told() {
        let schema = Schema::new(&json!({"items": {"type": "string"}})).unwrap();
        assert_eq!(schema.faults(&json!([1, 2, 3, 4, 5, 6])).len(), 5);
    }

    #[test]
    fn what_is_no_schema_says_why() {
        for (schema, why) in [
            (json!({"type": "objekt"}), "/type"),
            (json!({"$ref": "#/$defs/nowhere"}), "nowhere"),
            (json!({"pattern": "("}), "pattern"),
            (json!({"$ref": "https://example.com/schema.json"}), "example.com"),
            (json!("text"), "want"),
        ] {
            let error = Schema::new(&schema).unwrap_err();
            assert!(error.contains(why), "{schema}: {error}");
        }
    }

    #[test]
    fn an_answer_is_part_of_the_data() {
        let data = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["found", "said"],
            "properties": {"found": {"type": "integer"}, "said": {"items": {"$ref": "#/$defs/word"}}},
            "$defs": {"word": {"type": "string"}},
        });
        let answer = AnswerSchema::new(&data, &["said".to_owned()]);
        assert_eq!(answer.schema["properties"], json!({"said": {"items": {"$ref": "#/$defs/word"}}}));
        let compiled = Compiled::new(&data, &answer).unwrap();
        assert_eq!(compiled.answer_faults(&json!({"said": ["a"]})), Vec::<String>::new());
        assert_eq!(
            compiled.answer_faults(&json!({"said": ["a", 1]})),
            ["at `/said/1`: want string, but got number"]
        );
        assert_eq!(compiled.answer_faults(&json!({})), ["at ``: missing properties 'said'"]);
        assert_eq!(
            compiled.answer_faults(&json!({"said": [], "found": 1})),
            ["at ``: additionalProperties 'found' not allowed"]
        );
        assert_eq!(compiled.data_faults(&json!({"said": ["a"], "found": 1})), Vec::<String>::new());
        assert_eq!(compiled.data_faults(&json!({"said": ["a"]})), ["at ``: missing properties 'found'"]);
    }
}
