//! Content that is handed in before its run: a place is asked for, the bytes are put there. On AWS the place is a presigned
//! address of the bucket; a client that follows `put` need not know which it is.

use axum::response::Response;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Scope;
use futures::FutureExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Call, Received, json as answer};
use crate::operation::{Answer, Body, Method, Operation};

/// An address that needs no other credential is given for an hour.
const ADDRESS_HOLDS_MS: u64 = 60 * 60 * 1000;

pub(super) fn operations() -> Vec<Operation> {
    let text = json!({ "type": "string" });
    let opened = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["upload", "expires_ms", "put"],
        "properties": {
            "upload": text,
            "expires_ms": { "type": "integer" },
            "put": {
                "type": "object",
                "additionalProperties": false,
                "required": ["url", "headers", "most_bytes"],
                "properties": {
                    "url": { "type": "string", "format": "uri-reference" },
                    "headers": { "type": "object", "additionalProperties": text },
                    "most_bytes": { "type": "integer" },
                },
            },
        },
    });
    let filled = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["upload", "name", "bytes", "content"],
        "properties": {
            "upload": text, "name": text, "bytes": { "type": "integer" },
            "content": { "type": "string", "description": "The BLAKE3 digest of the bytes." },
        },
    });
    vec![
        Operation {
            method: Method::Post,
            path: "/uploads",
            name: "openUpload",
            summary: "Ask for a place for content.",
            scope: Some(Scope::Run),
            parameters: Vec::new(),
            body: Body::json(json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["name"],
                "properties": { "name": name_schema() },
            })),
            answers: vec![Answer::json(
                201,
                "Put the bytes where `put` says; then start a run with `upload`.",
                opened,
            )],
            handler: |call| open(call).boxed(),
        },
        Operation {
            method: Method::Put,
            path: "/uploads/{id}",
            name: "fillUpload",
            summary: "Put content in its place.",
            scope: Some(Scope::Run),
            parameters: Vec::new(),
            body: Body::Bytes(boot::LARGEST_INPUT_BYTES),
            answers: vec![Answer::json(200, "The content is stored.", filled)],
            handler: |call| fill(call).boxed(),
        },
    ]
}

/// The schema of a name for content: of a file without its folder.
pub(super) fn name_schema() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "pattern": "^[^/\\\\\\u0000-\\u001f\\u007f]+$",
        "description": "A name for people. Its ending says what it is: .txt .md .vtt .srt .ttml .json",
    })
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
}

async fn open(call: Call) -> Result<Response> {
    let Received::Json(body) = &call.body else { return Err(unread()) };
    let wanted = Wanted::deserialize(body).map_err(|error| unread().because(error))?;
    let (id, upload) = engine::open_upload(&call.api.ports, call.tenant()?, &wanted.name).await?;
    let holds_ms = upload.expires_ms.saturating_sub(call.api.ports.clock.now_ms());
    let address =
        call.api.ports.content.upload_address(call.tenant()?, &id, holds_ms.min(ADDRESS_HOLDS_MS)).await?;
    let put = json!({
        "url": address.map_or_else(|| format!("/uploads/{id}"), |address| address.url),
        "headers": { "content-type": "application/octet-stream" },
        "most_bytes": boot::LARGEST_INPUT_BYTES,
    });
    answer(201, &json!({ "upload": id, "expires_ms": upload.expires_ms, "put": put }))
}

async fn fill(call: Call) -> Result<Response> {
    let Received::Bytes(bytes) = &call.body else { return Err(unread()) };
    let (ports, tenant, id) = (&call.api.ports, call.tenant()?, call.ulid("upload")?);
    let upload = engine::load_upload(ports, tenant, id).await?;
    boot::check_content(&upload.name, bytes)?;
    let upload = engine::fill_upload(ports, tenant, id, bytes).await?;
    answer(
        200,
        &json!({ "upload": id, "name": upload.name, "bytes": upload.bytes, "content": upload.content }),
    )
}

fn unread() -> Error {
    Error::new(ErrorKind::Internal, "a body that fits its schema could not be read")
}
