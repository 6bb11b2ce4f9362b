//! A tenant's figures for Prometheus.

use axum::response::Response;
use engine::error::Result;
use engine::figures;
use engine::model::Scope;
use futures::FutureExt as _;
use serde_json::json;

use crate::call::{Call, typed};
use crate::exposition::{self, Format};
use crate::operation::{Answer, Body, Method, Operation};

const FORMATS: [(Format, &str); 2] = [
    (Format::Prometheus, "text/plain; version=0.0.4; charset=utf-8"),
    (Format::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
];

pub(super) fn operations() -> Vec<Operation> {
    let text = json!({ "type": "string" });
    vec![Operation {
        method: Method::Get,
        path: "/metrics",
        name: "metrics",
        summary: "The figures of this tenant's ended runs, for Prometheus; each run is counted once, as it ends.",
        scope: Some(Scope::Read),
        parameters: Vec::new(),
        body: Body::None,
        answers: vec![Answer {
            status: 200,
            about: "Counters and histograms, in the form the Accept header likes better.",
            content: vec![("text/plain", text.clone()), ("application/openmetrics-text", text)],
            headers: &[],
        }],
        handler: |call| metrics(call).boxed(),
    }]
}

async fn metrics(call: Call) -> Result<Response> {
    let ports = &call.api.ports;
    let counters = figures::read(ports, call.tenant()?).await?;
    let (format, media_type) = FORMATS[call.preferred(&FORMATS.map(|(_, media_type)| media_type))];
    let text = exposition::write(&counters, &ports.catalogue, format);
    typed(200, media_type, text.into_bytes())
}
