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
    if failed {
        let what = body["errorMessage"].as_str().unwrap_or("without a word").to_owned();
        return Err(
            Error::new(ErrorKind::Internal, format!("the function {name} failed")).with("cause", what)
        );
    }
    Ok(body)
}
