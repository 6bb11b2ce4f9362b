//! Another function, asked for an answer.

use engine::error::{Error, ErrorKind, Result};
use engine::ports::Clock;
use serde_json::Value;

use crate::Connection;
use crate::signed::{Ask, post};

/// The answer of the function `name` to `payload`.
///
/// Errors: `Configuration` if there is no such function or it may not be asked, `RateLimited` if it is throttled,
/// `Network` or `Timeout` if it does not answer, `Internal` if it failed.
pub async fn invoke(
    connection: &Connection,
    clock: &dyn Clock,
    name: &str,
    payload: &Value,
    timeout_ms: u64,
) -> Result<Value> {
    const THROTTLED_RETRY_AFTER_MS: u64 = 1_000;
    let ask = Ask {
        service: "lambda",
        path: format!("/2015-03-31/functions/{name}/invocations"),
        headers: &[("content-type", "application/json")],
        body: payload.to_string().into_bytes(),
        timeout_ms,
    };
    let answer = post(connection, clock, ask).await?;
    let status = answer.status();
    let failed = answer.headers().contains_key("x-amz-function-error");
    if status == reqwest::StatusCode::TOO_MANY_REQUESTS {
        return Err(Error::new(ErrorKind::RateLimited, format!("the function {name} is busy"))
            .retry_after(THROTTLED_RETRY_AFTER_MS));
    }
    if status.is_client_error() {
        let what = format!("the function {name} is not there or may not be asked ({status})");
        return Err(Error::new(ErrorKind::Configuration, what));
    }
    if !status.is_success() {
        return Err(Error::new(
            ErrorKind::Network,
            format!("the function {name} could not be asked ({status})"),
        ));
    }
    let body: Value = answer.json().await.map_err(|error| {
        Error::new(ErrorKind::Network, format!("the function {name} broke off")).because(error.without_url())
    })?;
    if failed { Err(failure(name, &body)) } else { Ok(body) }
}

/// What the service says of a function that did not answer: out of time, gone, or failed by its own error.
fn failure(name: &str, body: &Value) -> Error {
    let error_type = body["errorType"].as_str().unwrap_or_default();
    let message = body["errorMessage"].as_str().unwrap_or("without a word");
    let kind = if error_type == "Sandbox.Timedout" || message.contains("Task timed out") {
        ErrorKind::Timeout
    } else if error_type.starts_with("Runtime.") {
        ErrorKind::Network
    } else {
        ErrorKind::Internal
    };
    Error::new(kind, format!("the function {name} failed")).with("cause", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_function_out_of_time_or_gone_may_be_asked_again() {
        let check = |body: Value, expected: ErrorKind| {
            assert_eq!(failure("fetch", &body).kind(), expected, "{body}");
        };
        let message = "2026-01-01T00:00:00Z 1f Task timed out after 60.00 seconds";
        check(json!({ "errorMessage": message }), ErrorKind::Timeout);
        check(json!({ "errorType": "Sandbox.Timedout", "errorMessage": "x" }), ErrorKind::Timeout);
        check(json!({ "errorType": "Runtime.ExitError", "errorMessage": "x" }), ErrorKind::Network);
        check(json!({ "errorType": "Configuration", "errorMessage": "x" }), ErrorKind::Internal);
        check(json!({}), ErrorKind::Internal);
    }
}
