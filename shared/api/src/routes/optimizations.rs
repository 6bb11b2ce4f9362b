//! How the tenant's runs do against their targets, and what would make them do better.

use axum::response::Response;
use engine::error::Result;
use engine::model::Scope;
use engine::performance;
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::call::{Call, json as answer};
use crate::operation::{Answer, Body, Method, Operation};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        method: Method::Get,
        path: "/optimizations",
        name: "optimizations",
        summary: "Five figures of the tenant's ended runs against their targets, and advice with what says so.",
        scope: Some(Scope::Read),
        parameters: Vec::new(),
        body: Body::None,
        answers: vec![Answer::json(
            200,
            "The figures, the advice, what would cost less, and the counters all were read from. A figure on too few samples is `unknown`.",
            schema(),
        )],
        handler: |call| optimizations(call).boxed(),
    }]
}

fn schema() -> Value {
    let text = json!({ "type": "string" });
    let evidence = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["query", "values"],
        "properties": {
            "query": { "type": "string", "description": "A filter for jq over this answer." },
            "values": { "type": "object" },
        },
    });
    let figure = json!({
        "type": "object",
        "additionalProperties": false,
        "required": [
            "name", "about", "unit", "value", "target", "good", "samples", "needed", "verdict", "evidence",
        ],
        "properties": {
            "name": text,
            "about": text,
            "unit": { "type": "string", "enum": ["%", "ms", "USD"] },
            "value": { "type": ["number", "null"] },
            "target": { "type": "number" },
            "good": { "type": "string", "enum": ["at_least", "at_most"] },
            "samples": { "type": "integer" },
            "needed": { "type": "integer", "description": "Under so many samples nothing is said." },
            "verdict": { "type": "string", "enum": ["met", "missed", "unknown"] },
            "evidence": evidence,
        },
    });
    let recommendation = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["figure", "advice", "window", "samples", "evidence"],
        "properties": {
            "figure": text, "advice": text, "window": text, "samples": { "type": "integer" }, "evidence": evidence,
        },
    });
    let saving = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["kind", "subject", "advised", "advice", "usd_per_1000", "per", "samples", "needed", "evidence"],
        "properties": {
            "kind": { "type": "string", "enum": ["cache", "model", "prompt", "agent", "budget"] },
            "subject": text,
            "advised": { "type": "string", "enum": ["yes", "unknown"] },
            "advice": text,
            "usd_per_1000": { "type": ["number", "null"], "description": "Expected to be saved in a thousand of `per`." },
            "per": { "type": "string", "enum": ["runs", "steps", "runaways"] },
            "samples": { "type": "integer" },
            "needed": { "type": "integer", "description": "Under so many samples nothing is said." },
            "evidence": evidence,
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["window", "figures", "recommendations", "savings", "counters", "learned"],
        "properties": {
            "window": text,
            "figures": { "type": "array", "items": figure },
            "recommendations": { "type": "array", "items": recommendation },
            "savings": { "type": "array", "items": saving },
            "counters": { "type": "object", "description": "Sums over all ended runs of the tenant." },
            "learned": { "type": "object", "description": "What its ended runs teach of models, and of what steps and runs cost." },
        },
    })
}

async fn optimizations(call: Call) -> Result<Response> {
    let (ports, tenant) = (&call.api.ports, call.tenant()?);
    let (counters, figures) = performance::of_tenant(ports, tenant).await?;
    let recommendations = performance::recommendations(&counters, &figures);
    let learned = engine::routing::learned(ports, tenant).await?;
    let run_cap = engine::tenant_settings(ports, tenant).await?.run_cap;
    let savings = performance::savings(&counters, &learned, &ports.catalogue, run_cap);
    answer(
        200,
        &json!({
            "window": performance::WINDOW,
            "figures": figures,
            "recommendations": recommendations,
            "savings": savings,
            "counters": counters,
            "learned": { "arms": learned.arms, "steps": learned.steps, "runs": learned.runs },
        }),
    )
}
