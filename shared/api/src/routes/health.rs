//! That the process answers, and what it offers. Neither touches anything.

use engine::error::Result;
use futures::FutureExt as _;
use serde_json::json;

use crate::call::{Call, json as answer, typed};
use crate::openapi;
use crate::operation::{Answer, Body, Method, Operation};

pub(super) fn operations() -> Vec<Operation> {
    let status = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["status"],
        "properties": { "status": { "const": "pass" } },
    });
    vec![
        Operation {
            method: Method::Get,
            path: "/health",
            name: "health",
            summary: "That the process answers; no component is asked.",
            scope: None,
            parameters: Vec::new(),
            body: Body::None,
            answers: vec![Answer {
                status: 200,
                about: "It does.",
                content: vec![("application/health+json", status)],
                headers: &[],
            }],
            handler: |call| health(call).boxed(),
        },
        Operation {
            method: Method::Get,
            path: "/openapi.json",
            name: "openapi",
            summary: "This document.",
            scope: None,
            parameters: Vec::new(),
            body: Body::None,
            answers: vec![Answer::json(200, "OpenAPI 3.1.", json!({ "type": "object" }))],
            handler: |call| document(call).boxed(),
        },
    ]
}

async fn health(_: Call) -> Result<axum::response::Response> {
    typed(200, "application/health+json", json!({ "status": "pass" }).to_string().into_bytes())
}

async fn document(_: Call) -> Result<axum::response::Response> {
    answer(200, &openapi::document())
}
