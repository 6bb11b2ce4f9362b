//! That the process answers, what its components do, and what it offers.

use axum::response::Response;
use engine::error::Result;
use engine::health::Status;
use engine::model::Scope;
use futures::FutureExt as _;
use serde_json::json;

use crate::call::{Call, json as answer, typed};
use crate::health_json::{self, MEDIA_TYPE, health_json};
use crate::openapi;
use crate::operation::{Answer, Body, Method, Operation};

pub(super) fn operations() -> Vec<Operation> {
    let status = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["status"],
        "properties": { "status": { "const": "pass" } },
    });
    let report = |status, about| Answer {
        status,
        about,
        content: vec![(MEDIA_TYPE, health_json::schema())],
        headers: &[],
    };
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
                content: vec![(MEDIA_TYPE, status)],
                headers: &[],
            }],
            handler: |call| health(call).boxed(),
        },
        Operation {
            method: Method::Get,
            path: COMPONENTS,
            name: "components",
            summary: "Whether the components work, each tried as the real work uses it; tried at most every ten seconds.",
            scope: Some(Scope::Read),
            parameters: Vec::new(),
            body: Body::None,
            answers: vec![
                report(200, "All critical components work, as far as is known."),
                report(503, "A critical component does not work."),
            ],
            handler: |call| components(call).boxed(),
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

/// The one path whose key must be read in time: whoever asks after the components must hear of a store that hangs.
pub(crate) const COMPONENTS: &str = "/health/components";

async fn health(_: Call) -> Result<Response> {
    typed(200, MEDIA_TYPE, json!({ "status": "pass" }).to_string().into_bytes())
}

async fn components(call: Call) -> Result<Response> {
    let report = call.api.health.report(&call.api.ports).await;
    let status = if report.status() == Status::Fail { 503 } else { 200 };
    typed(status, MEDIA_TYPE, health_json(&report).to_string().into_bytes())
}

async fn document(_: Call) -> Result<Response> {
    answer(200, &openapi::document())
}
