//! The OpenAPI document, made from the operations.

use serde_json::{Map, Value, json};

use crate::operation::{Answer, Body, Operation, Parameter, Place};
use crate::{problem, routes};

/// The document, OpenAPI 3.1.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in routes::all() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.name()] = described(&operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Assay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A link or a transcript becomes an intelligence briefing that can be checked. Times are \
                            milliseconds since 1970, money is integer nano-dollars.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key as `cargo assay keys create` prints it: ID.SECRET.",
                },
            },
            "schemas": { "Problem": problem::schema() },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": responses(operation),
    });
    let mut parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    if operation.path.contains("{id}") {
        let schema = json!({ "type": "string", "pattern": "^[0-9A-Z]{26}$" });
        parameters.insert(0, json!({ "name": "id", "in": "path", "required": true, "schema": schema }));
    }
    if !parameters.is_empty() {
        described["parameters"] = Value::from(parameters);
    }
    match &operation.body {
        Body::None => {}
        Body::Json { schema, .. } => {
            let content = json!({ "application/json": { "schema": schema } });
            described["requestBody"] = json!({ "required": true, "content": content });
        }
        Body::Bytes(most) => {
            let about = format!("The bytes themselves, at most {most}.");
            let content = json!({ "application/octet-stream": {} });
            described["requestBody"] = json!({ "required": true, "description": about, "content": content });
        }
    }
    if let Some(scope) = operation.scope {
        described["security"] = json!([{ "key": [] }]);
        described["x-scope"] = json!(scope);
    }
    described
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": false,
        "description": parameter.about,
        "schema": parameter.takes.schema(),
    })
}

fn responses(operation: &Operation) -> Value {
    let mut responses: Map<String, Value> =
        operation.answers.iter().map(|answer| (answer.status.to_string(), response(answer))).collect();
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    responses.insert(
        "default".to_owned(),
        json!({
            "description": "What went wrong.",
            "content": { "application/problem+json": { "schema": schema } },
        }),
    );
    Value::Object(responses)
}

fn response(answer: &Answer) -> Value {
    let content: Map<String, Value> = answer
        .content
        .iter()
        .map(|(media_type, schema)| ((*media_type).to_owned(), json!({ "schema": schema })))
        .collect();
    let mut response = json!({ "description": answer.about, "content": content });
    if !answer.headers.is_empty() {
        let header = |name: &&str| ((*name).to_owned(), json!({ "schema": { "type": "string" } }));
        response["headers"] = Value::Object(answer.headers.iter().map(header).collect());
    }
    response
}
