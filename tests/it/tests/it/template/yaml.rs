//! YAML as CloudFormation writes it, read into JSON with its functions in their long form.

use saphyr::{LoadableYamlNode, Scalar, Tag, Yaml};
use serde_json::{Map, Value, json};

/// The only document of a text.
pub(crate) fn parse(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1, "one document a file");
    value(&documents[0])
}

fn value(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(scalar) => scalar_value(scalar),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, inner) in entries {
                let key = key.as_str().unwrap_or_else(|| panic!("a key that is no text: {key:?}"));
                map.insert(key.to_owned(), value(inner));
            }
            Value::Object(map)
        }
        Yaml::Tagged(tag, inner) => function(tag, value(inner)),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("not of CloudFormation: {node:?}")
        }
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(boolean) => json!(boolean),
        Scalar::Integer(integer) => json!(integer),
        Scalar::FloatingPoint(float) => json!(float.into_inner()),
        Scalar::String(text) => json!(text),
    }
}

fn function(tag: &Tag, argument: Value) -> Value {
    match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => json!({ name: argument }),
        "GetAtt" => {
            let path = argument.as_str().unwrap();
            let (resource, attribute) = path.split_once('.').unwrap();
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        name => json!({ format!("Fn::{name}"): argument }),
    }
}

#[test]
fn short_forms_become_long_ones() {
    let check = |text: &str, expected: Value| assert_eq!(parse(text), expected, "{text}");
    check("a: !Ref B", json!({"a": {"Ref": "B"}}));
    check("a: !GetAtt B.Outputs.C", json!({"a": {"Fn::GetAtt": ["B", "Outputs.C"]}}));
    check("a: !If [X, !Sub \"${B}-c\", 5]", json!({"a": {"Fn::If": ["X", {"Fn::Sub": "${B}-c"}, 5]}}));
    check("a: !And [!Condition X, true]", json!({"a": {"Fn::And": [{"Condition": "X"}, true]}}));
    check("a: \"2012-10-17\"", json!({"a": "2012-10-17"}));
}
