//! Errors as problem documents (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use engine::error::{Error, ErrorKind};
use serde_json::{Value, json};

/// The answer an error ends a request with: its kind and status from the engine's table, its message, its facts; never what
/// caused it.
pub fn problem(error: &Error) -> Response {
    let kind = error.kind();
    if kind.http_status() >= 500 {
        tracing::error!(%error, cause = ?std::error::Error::source(error), "a request failed");
    }
    let status = StatusCode::from_u16(kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut document = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "kind": kind,
        "detail": error.message(),
        "retryable": error.is_retryable(),
    });
    if let (false, Some(fields)) = (error.context().is_empty(), document.as_object_mut()) {
        fields.insert("context".to_owned(), json!(error.context()));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut response = (status, headers, document.to_string()).into_response();
    if kind == ErrorKind::Unauthorized {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(after_ms) = error.retry_after_ms() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after_ms.div_ceil(1_000)));
    }
    response
}

/// The schema of a problem document.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["type", "title", "status", "kind", "detail", "retryable"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "kind": { "type": "string", "enum": ErrorKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>() },
            "detail": { "type": "string", "description": "For people: what happened and what would help." },
            "retryable": { "type": "boolean" },
            "context": { "type": "object", "additionalProperties": { "type": "string" } },
        },
    })
}
