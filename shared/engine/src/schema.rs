//! Data checked against JSON schemas.

use std::fmt;
use std::sync::Arc;

use boon::{Compiler, Draft, ErrorKind, SchemaIndex, Schemas, SchemeUrlLoader, ValidationError};
use serde_json::{Value, json};

/// At most so many findings are told.
const MOST: usize = 5;

/// Where a schema is for itself, and for that of an answer which is a part of it.
const ROOT: &str = "schema:root";
const ANSWER: &str = "schema:answer";

/// A JSON schema of draft 2020-12, compiled.
#[derive(Clone)]
pub struct Schema {
    schemas: Arc<Schemas>,
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
        let [schema] = Self::together([(ROOT, schema.clone())])?;
        Ok(schema)
    }

    /// Compiles schemas that may refer to one another by the names they have here.
    fn together<const N: usize>(named: [(&str, Value); N]) -> Result<[Self; N], String> {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        // What they refer to is in them: no file is read, and no server asked.
        compiler.use_loader(Box::new(SchemeUrlLoader::new()));
        let names = named.each_ref().map(|(name, _)| *name);
        for (name, schema) in named {
            compiler.add_resource(name, schema).map_err(|error| format!("{error:#}"))?;
        }
        let mut schemas = Schemas::new();
        let mut roots = [SchemaIndex::default(); N];
        for (name, root) in names.into_iter().zip(&mut roots) {
            *root = compiler.compile(name, &mut schemas).map_err(|error| format!("{error:#}"))?;
        }
        let schemas = Arc::new(schemas);
        Ok(roots.map(|root| Self { schemas: schemas.clone(), root }))
    }

    /// What is wrong with `value`, at most five findings; empty if nothing is. All are gathered before five are taken, so a value
    /// from outside should be small, or its schema without lists.
    pub fn faults(&self, value: &Value) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Err(error) = self.schemas.validate(value, self.root) {
            collect(&error, &mut faults);
        }
        faults
    }
}

/// The ends of a tree of findings: what is above them says only that there is something below.
fn collect(error: &ValidationError<'_, '_>, faults: &mut Vec<Fault>) {
    let other = |what: &str| Problem::Other(shorten(what));
    let problem = match &error.kind {
        _ if faults.len() == MOST => return,
        ErrorKind::OneOf(_) => Problem::NotOneOf,
        ErrorKind::AnyOf => {
            let mut each = Vec::new();
            error.causes.iter().for_each(|cause| collect(cause, &mut each));
            let each: Vec<String> = each.iter().map(|fault| fault.problem.to_string()).collect();
            other(&format!("fits none of the forms it may have: {}", each.join("; or ")))
        }
        kind @ ErrorKind::PropertyName { .. } => other(&kind.to_string()),
        _ if !error.causes.is_empty() => return error.causes.iter().for_each(|cause| collect(cause, faults)),
        ErrorKind::FalseSchema => Problem::Forbidden,
        ErrorKind::Pattern { want, .. } => other(&format!("does not match the pattern {want}")),
        ErrorKind::Format { want, .. } => other(&format!("is not a valid {want}")),
        kind => other(&kind.to_string()),
    };
    faults.push(Fault { place: shorten(&error.instance_location.to_string()), problem });
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
    pub(crate) fn new(data: &Value, answer: &[String]) -> Self {
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
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the data must fit.
    pub data: Schema,
    /// What a model's answer must fit.
    pub answer: Schema,
}

impl Compiled {
    /// Compiles both. The answer is a part of this data, so each field and definition is checked and compiled once.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them, in words.
    pub fn new(data: &Value, answer: &AnswerSchema) -> Result<Self, String> {
        let mut referring = answer.schema.clone();
        for group in ["properties", "$defs"] {
            let parts = referring.get_mut(group).and_then(Value::as_object_mut);
            for (name, schema) in parts.into_iter().flatten() {
                let name = name.replace('~', "~0").replace('/', "~1").replace('%', "%25");
                *schema = json!({"$ref": format!("{ROOT}#/{group}/{name}")});
            }
        }
        let [data, answer] = Schema::together([(ROOT, data.clone()), (ANSWER, referring)])?;
        Ok(Self { data, answer })
    }
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
                "named": {"propertyNames": {"pattern": "^[a-z]+$"}},
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
        check(json!({"name": "abc", "named": {"A": 1}}), &[("", "invalid property 'A'")]);
        check(json!({"name": "abc", "never": 1}), &[("/never", "nothing may be here")]);
        check(
            json!({"name": "abc", "either": 1}),
            &[("/either", "fits not exactly one of the forms it may have")],
        );
        check(
            json!({"name": "abc", "place": {}}),
            &[(
                "/place",
                "fits none of the forms it may have: missing properties 'start_ms'; or want null, but got object",
            )],
        );
    }

    #[test]
    fn of_many_faults_five_are_told_and_of_long_ones_the_beginning() {
        let schema = Schema::new(&json!({"items": {"type": "string"}})).unwrap();
        assert_eq!(schema.faults(&json!([1, 2, 3, 4, 5, 6])).len(), 5);
        let schema = Schema::new(&json!({"additionalProperties": false})).unwrap();
        let many: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("field {n}"), Value::Null)).collect();
        let [Fault { problem: Problem::Other(what), .. }] = &schema.faults(&many.into())[..] else {
            panic!("one fault")
        };
        assert!(what.starts_with("additionalProperties 'field 0'") && what.chars().count() < 400, "{what}");
    }

    #[test]
    fn what_is_no_schema_says_why() {
        for (schema, why) in [
            (json!({"type": "objekt"}), "/type"),
            (json!({"$ref": "#/$defs/nowhere"}), "nowhere"),
            (json!({"pattern": "("}), "pattern"),
            (json!({"$ref": "https://example.com/schema.json"}), "unsupported scheme"),
            (
                json!({"$ref": concat!("file://", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")}),
                "unsupported scheme",
            ),
            (
                json!({"$schema": concat!("file://", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")}),
                "unsupported scheme",
            ),
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
        let told = |schema: &Schema, value: Value| {
            schema.faults(&value).iter().map(Fault::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told(&compiled.answer, json!({"said": ["a"]})), Vec::<String>::new());
        assert_eq!(
            told(&compiled.answer, json!({"said": ["a", 1]})),
            ["at `/said/1`: want string, but got number"]
        );
        assert_eq!(told(&compiled.answer, json!({})), ["at ``: missing properties 'said'"]);
        assert_eq!(
            told(&compiled.answer, json!({"said": [], "found": 1})),
            ["at ``: additionalProperties 'found' not allowed"]
        );
        assert_eq!(told(&compiled.data, json!({"said": ["a"], "found": 1})), Vec::<String>::new());
        assert_eq!(told(&compiled.data, json!({"said": ["a"]})), ["at ``: missing properties 'found'"]);
    }

    #[test]
    fn an_answer_is_judged_as_by_its_own_schema() {
        let data = json!({
            "type": "object",
            "allOf": [{"$ref": "#/$defs/whole"}],
            "properties": {
                "a/b~c%41": {"oneOf": [{"type": "string"}, {"type": "null"}]},
                "never": false,
                "either": {"anyOf": [{"$ref": "#/$defs/word"}, {"type": "null"}]},
            },
            "$defs": {"whole": {"maxProperties": 1}, "word": {"type": "string"}},
        });
        let answer = AnswerSchema::new(&data, &["a/b~c%41".to_owned()]);
        for (answer, value) in [
            (&answer, json!({"a/b~c%41": 1})),
            (&answer, json!({"a/b~c%41": "a"})),
            (&AnswerSchema::new(&data, &["never".to_owned()]), json!({"never": 1})),
            (&AnswerSchema::new(&data, &["either".to_owned()]), json!({"either": 1})),
            (&AnswerSchema::new(&data, &["either".to_owned()]), json!({"either": "a", "more": 1})),
        ] {
            let compiled = Compiled::new(&data, answer).unwrap();
            assert_eq!(compiled.answer.faults(&value), Schema::new(&answer.schema).unwrap().faults(&value));
            assert_eq!(
                compiled.answer.faults(&value).is_empty(),
                value == json!({"a/b~c%41": "a"}),
                "{value}"
            );
        }
    }
}
