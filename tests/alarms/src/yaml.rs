//! YAML as CloudFormation writes it, read into JSON with its functions in their long form.

use saphyr::{LoadableYamlNode, Scalar, Tag, Yaml};
use serde_json::{Map, Value, json};

/// The only document of a text.
///
/// # Errors
/// If it is no YAML, more than one document, or uses what CloudFormation does not.
pub fn parse(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => value(document),
        more => Err(format!("{} documents in a file", more.len())),
    }
}

fn value(node: &Yaml<'_>) -> Result<Value, String> {
    match node {
        Yaml::Value(scalar) => Ok(scalar_value(scalar)),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, inner) in entries {
                let key = key.as_str().ok_or_else(|| format!("a key that is no text: {key:?}"))?;
                map.insert(key.to_owned(), value(inner)?);
            }
            Ok(Value::Object(map))
        }
        Yaml::Tagged(tag, inner) => function(tag, value(inner)?),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err(format!("not of CloudFormation: {node:?}"))
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

fn function(tag: &Tag, argument: Value) -> Result<Value, String> {
    Ok(match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => json!({ name: argument }),
        "GetAtt" => {
            let path = argument.as_str().and_then(|path| path.split_once('.'));
            let (resource, attribute) = path.ok_or_else(|| format!("an attribute of {argument}"))?;
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        name => json!({ format!("Fn::{name}"): argument }),
    })
}

#[test]
fn short_forms_become_long_ones() {
    let check = |text: &str, expected: Value| assert_eq!(parse(text), Ok(expected), "{text}");
    check("a: !Ref B", json!({"a": {"Ref": "B"}}));
    check("a: !GetAtt B.Outputs.C", json!({"a": {"Fn::GetAtt": ["B", "Outputs.C"]}}));
    check("a: !If [X, !Sub \"${B}-c\", 5]", json!({"a": {"Fn::If": ["X", {"Fn::Sub": "${B}-c"}, 5]}}));
    check("a: !And [!Condition X, true]", json!({"a": {"Fn::And": [{"Condition": "X"}, true]}}));
    check("a: \"2012-10-17\"", json!({"a": "2012-10-17"}));
}
