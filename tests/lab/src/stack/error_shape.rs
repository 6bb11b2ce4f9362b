//! Errors as each service writes them, so that an SDK reads the one that is meant.

use axum::body::Bytes;
use axum::http::Response;
use serde_json::{Value, json};

use super::call::Asked;
use super::faults::Kind;

const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The answer of a service to a call with that fault; `body` is the call's own.
pub(crate) fn of(kind: &Kind, asked: &Asked, body: &[u8]) -> Response<Bytes> {
    match kind {
        Kind::TransactionConflict => conflict(asked, body),
        Kind::Throttle => throttle(asked),
        Kind::Error(code) => shaped(asked, 400, code, "as the test says", json!({})),
        Kind::Refuse
        | Kind::FailAfter
        | Kind::Delay(_)
        | Kind::Duplicate
        | Kind::KillBefore
        | Kind::KillAfter => internal(asked),
    }
}

fn conflict(asked: &Asked, body: &[u8]) -> Response<Bytes> {
    const WHY: &str = "Transaction is ongoing for the item";
    if asked.action != "TransactWriteItems" && asked.action != "TransactGetItems" {
        return shaped(asked, 400, "TransactionConflictException", WHY, json!({}));
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let count = body["TransactItems"].as_array().map_or(1, Vec::len);
    let reason = |position: usize| match position {
        0 => json!({ "Code": "TransactionConflict", "Message": WHY }),
        _ => json!({ "Code": "None" }),
    };
    let reasons: Vec<Value> = (0..count).map(reason).collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let more = json!({ "CancellationReasons": reasons, "Message": message });
    shaped(asked, 400, "TransactionCanceledException", &message, more)
}

fn throttle(asked: &Asked) -> Response<Bytes> {
    let (status, code) = match asked.service.as_str() {
        "dynamodb" => (400, "ThrottlingException"),
        "sqs" => (400, "RequestThrottled"),
        "s3" => (503, "SlowDown"),
        "lambda" => (429, "TooManyRequestsException"),
        _ => (400, "ThrottlingException"),
    };
    shaped(asked, status, code, "Rate exceeded", json!({}))
}

fn internal(asked: &Asked) -> Response<Bytes> {
    let (status, code) = match asked.service.as_str() {
        "dynamodb" => (500, "InternalServerError"),
        "sqs" => (500, "InternalError"),
        "s3" => (500, "InternalError"),
        "lambda" => (500, "ServiceException"),
        "secretsmanager" => (500, "InternalServiceError"),
        _ => (500, "InternalServerException"),
    };
    shaped(asked, status, code, "We encountered an internal error. Please try again.", json!({}))
}

fn shaped(asked: &Asked, status: u16, code: &str, message: &str, more: Value) -> Response<Bytes> {
    let response = Response::builder().status(status).header("x-amzn-requestid", REQUEST_ID);
    let response = match asked.service.as_str() {
        "s3" => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
                 <RequestId>{REQUEST_ID}</RequestId></Error>"
            );
            response.header("content-type", "application/xml").body(Bytes::from(body))
        }
        service => {
            let prefix = match service {
                "dynamodb" => "com.amazonaws.dynamodb.v20120810#",
                "sqs" => "com.amazonaws.sqs#",
                _ => "",
            };
            let mut body = json!({ "__type": format!("{prefix}{code}"), "message": message });
            if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
                body.extend(more);
            }
            let version =
                if service == "dynamodb" || service == "sqs" || service == "states" { "1.0" } else { "1.1" };
            response
                .header("content-type", format!("application/x-amz-json-{version}"))
                .header("x-amzn-errortype", code)
                .header(
                    "x-amzn-query-error",
                    format!("{code};{}", if status < 500 { "Sender" } else { "Receiver" }),
                )
                .body(Bytes::from(body.to_string()))
        }
    };
    response.unwrap_or_default()
}
