//! Runs: start one, look at it, list them, cancel it.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Run, Scope, TenantId, Traceparent};
use engine::ports::{Range, Row};
use futures::FutureExt as _;
use serde_json::{Value, json};

use super::agents::DEPTHS;
use super::uploads::name_schema;
use crate::call::{Call, Received, json as answer};
use crate::operation::{Answer, Body, Method, Operation, Parameter, Place, Takes};

mod request;

const LONGEST_IDEMPOTENCY_KEY: usize = 200;
const MOST_RUNS: u64 = 100;

pub(super) fn operations() -> Vec<Operation> {
    let run = schema();
    let page = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["runs", "next"],
        "properties": {
            "runs": { "type": "array", "items": run },
            "next": { "type": ["string", "null"], "description": "Give it as `cursor` for the next page; null at the end." },
        },
    });
    let one = |method, name, summary, scope, answers, handler| Operation {
        method,
        path: "/runs/{id}",
        name,
        summary,
        scope: Some(scope),
        parameters: Vec::new(),
        body: Body::None,
        answers,
        handler,
    };
    vec![
        Operation {
            method: Method::Post,
            path: "/runs",
            name: "startRun",
            summary: "Start a run over a link, a text or an upload.",
            scope: Some(Scope::Run),
            parameters: vec![Parameter {
                place: Place::Header,
                name: "Idempotency-Key",
                takes: Takes::Text(LONGEST_IDEMPOTENCY_KEY),
                about: "The same key with the same body again is the same run; with another body it is refused.",
            }],
            body: Body::json(request::schema()),
            answers: vec![
                Answer {
                    headers: &["Location"],
                    ..Answer::json(202, "Accepted; it goes on although nobody waits.", run.clone())
                },
                Answer {
                    headers: &["Location"],
                    ..Answer::json(200, "The run that the idempotency key stands for.", run.clone())
                },
            ],
            handler: |call| start(call).boxed(),
        },
        Operation {
            method: Method::Get,
            path: "/runs",
            name: "listRuns",
            summary: "The tenant's runs, newest first.",
            scope: Some(Scope::Read),
            parameters: vec![
                Parameter {
                    place: Place::Query,
                    name: "limit",
                    takes: Takes::Number { least: 1, most: MOST_RUNS, default: 20 },
                    about: "How many at most.",
                },
                Parameter {
                    place: Place::Query,
                    name: "cursor",
                    takes: Takes::Text(2_000),
                    about: "Where to go on, as the page before said in `next`.",
                },
            ],
            body: Body::None,
            answers: vec![Answer::json(200, "A page.", page)],
            handler: |call| list(call).boxed(),
        },
        one(
            Method::Get,
            "getRun",
            "How a run stands.",
            Scope::Read,
            vec![Answer::json(200, "The run.", run.clone())],
            |call| show(call).boxed(),
        ),
        one(
            Method::Delete,
            "cancelRun",
            "Stop a run. Again is the same as once; a run that has ended stays as it is.",
            Scope::Run,
            vec![
                Answer::json(202, "It will stop.", run.clone()),
                Answer::json(200, "It has ended.", run.clone()),
            ],
            |call| cancel(call).boxed(),
        ),
    ]
}

fn schema() -> Value {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let or_null = |kind: &str| json!({ "type": [kind, "null"] });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": [
            "run_id", "status", "depth", "workspace", "source", "created_ms", "deadline_ms", "finished_ms",
            "cancel_requested", "failure", "cost_nano_usd", "saved_nano_usd",
        ],
        "properties": {
            "run_id": text,
            "status": { "type": "string", "enum": ["running", "complete", "partial", "failed", "cancelled"] },
            "depth": { "type": "string", "enum": DEPTHS },
            "workspace": text,
            "source": {
                "type": "object",
                "additionalProperties": false,
                "required": ["name", "media_type", "bytes", "content", "link"],
                "properties": {
                    "name": text, "media_type": text, "bytes": number, "content": text, "link": or_null("string"),
                },
            },
            "created_ms": number,
            "deadline_ms": number,
            "finished_ms": or_null("integer"),
            "cancel_requested": { "type": "boolean" },
            "failure": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "required": ["agent", "kind", "message"],
                "properties": { "agent": or_null("string"), "kind": text, "message": text },
            },
            "cost_nano_usd": { "type": "integer", "description": "Set when it ends." },
            "saved_nano_usd": { "type": "integer", "description": "What stored answers saved; set when it ends." },
        },
    })
}

/// A run as it is shown: the stored row without its tenant, every field there.
fn view(run: &Run) -> Value {
    json!({
        "run_id": run.key.run,
        "status": run.status,
        "depth": run.depth,
        "workspace": run.workspace,
        "source": {
            "name": run.source.name,
            "media_type": run.source.media_type,
            "bytes": run.source.bytes,
            "content": run.source.content,
            "link": run.source.link,
        },
        "created_ms": run.created_ms,
        "deadline_ms": run.deadline_ms,
        "finished_ms": run.finished_ms,
        "cancel_requested": run.cancel_requested,
        "failure": run.failure,
        "cost_nano_usd": run.cost,
        "saved_nano_usd": run.saved,
    })
}

async fn start(call: Call) -> Result<Response> {
    let Received::Json(body) = &call.body else {
        return Err(Error::new(ErrorKind::Internal, "a run was asked for without a body"));
    };
    let (api, tenant) = (&call.api, call.tenant()?);
    let idempotency_key = call.text("Idempotency-Key").map(str::to_owned);
    let traceparent = call.headers.get("traceparent").and_then(|value| value.to_str().ok());
    let trace = traceparent.and_then(Traceparent::parse);
    let request = request::read(api, tenant, body, idempotency_key, trace).await?;
    let (key, new) = engine::start_run(&api.ports, &request).await?;
    let mut response = answer(if new { 202 } else { 200 }, &view(&load(&call, &key).await?))?;
    let location = HeaderValue::try_from(format!("/runs/{}", key.run))
        .map_err(|error| Error::new(ErrorKind::Internal, "a run's id fits no header").because(error))?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

async fn load(call: &Call, key: &engine::model::RunKey) -> Result<Run> {
    let run = engine::load_run(&call.api.ports, key).await?;
    run.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no run {}", key.run)))
}

async fn show(call: Call) -> Result<Response> {
    answer(200, &view(&load(&call, &call.run()?).await?))
}

async fn cancel(call: Call) -> Result<Response> {
    let key = call.run()?;
    engine::cancel_run(&call.api.ports, &key).await?;
    let run = load(&call, &key).await?;
    answer(if run.status.is_final() { 200 } else { 202 }, &view(&run))
}

async fn list(call: Call) -> Result<Response> {
    let tenant: TenantId = call.tenant()?.clone();
    let limit = usize::try_from(call.number("limit")).unwrap_or(1);
    let from = call.text("cursor").map(open_cursor).transpose()?;
    let page = call.api.ports.store.list(&Range::Runs(tenant), from.as_deref(), limit).await?;
    let runs: Vec<Value> = page
        .rows
        .iter()
        .filter_map(|(_, versioned)| match &versioned.row {
            Row::Run(run) => Some(view(run)),
            _ => None,
        })
        .collect();
    answer(200, &json!({ "runs": runs, "next": page.next.map(|token| close_cursor(&token)) }))
}

/// A store's token in letters that need no escaping in an address.
fn close_cursor(token: &str) -> String {
    token.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn open_cursor(cursor: &str) -> Result<String> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let bytes = cursor.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(u8::try_from(digit(*high)? * 16 + digit(*low)?).unwrap_or_default()),
        _ => None,
    });
    let token = bytes.collect::<Option<Vec<u8>>>().and_then(|bytes| String::from_utf8(bytes).ok());
    token.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "cursor: is not one that a page named in `next`"))
}
