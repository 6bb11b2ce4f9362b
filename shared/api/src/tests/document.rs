//! The document as it is committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::house::{Ask, House};
use crate::openapi::document;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json")
}

fn written() -> String {
    serde_json::to_string_pretty(&document()).unwrap() + "\n"
}

#[test]
fn the_document_is_as_committed() {
    let stored = fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        stored == written(),
        "shared/api/openapi.json is not what the code says; to accept what the code says: cargo test -p api -- --ignored accept"
    );
}

#[test]
#[ignore = "writes shared/api/openapi.json"]
fn accept_the_document() {
    fs::write(committed(), written()).unwrap();
}

#[test]
fn the_document_is_served_and_consistent() {
    let house = House::new();
    assert_eq!(house.check(&Ask::new("GET", "/openapi.json"), (200, "-")).body, document());
    let mut names = BTreeSet::new();
    for (path, operations) in document()["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            let open = matches!(path.as_str(), "/health" | "/openapi.json");
            assert_eq!(operation["security"].is_array(), !open, "{method} {path}");
            for schema in schemas(operation) {
                engine::schema::Schema::new(schema).unwrap();
            }
        }
    }
    assert_eq!(names.len(), 17);
}

/// Every schema of requests in an operation.
fn schemas(operation: &Value) -> Vec<&Value> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    parameters
        .map(|parameter| &parameter["schema"])
        .chain(Some(body).filter(|body| body.is_object()))
        .collect()
}
