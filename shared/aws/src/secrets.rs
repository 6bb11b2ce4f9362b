//! Secrets Manager: what must not stand in the environment.

use std::collections::BTreeMap;

use engine::error::{Error, ErrorKind, Result};
use engine::ports::Clock;
use serde_json::{Value, json};

use crate::Connection;
use crate::signed::{Ask, post};

const TIMEOUT_MS: u64 = 5_000;

/// The fields of a secret that is a JSON object of texts; empty ones count as not set.
///
/// Errors: `Configuration` if it is not there, may not be read or is no such object; `Storage` if the service does not
/// answer. No error tells what the secret holds.
pub async fn read(connection: &Connection, clock: &dyn Clock, id: &str) -> Result<BTreeMap<String, String>> {
    let answer = ask(connection, clock, "GetSecretValue", id).await?;
    let text = answer["SecretString"].as_str().ok_or_else(|| wrong(id, "is not a text"))?;
    let fields: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|_| wrong(id, "is not a JSON object"))?;
    let text =
        |value: Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(fields.into_iter().filter_map(|(name, value)| text(value).map(|value| (name, value))).collect())
}

async fn ask(connection: &Connection, clock: &dyn Clock, operation: &str, id: &str) -> Result<Value> {
    let target = format!("secretsmanager.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let body = json!({ "SecretId": id }).to_string().into_bytes();
    let ask = Ask {
        service: "secretsmanager",
        path: "/".to_owned(),
        headers: &headers,
        body,
        timeout_ms: TIMEOUT_MS,
    };
    let unread = || Error::new(ErrorKind::Storage, "the secret could not be read");
    let answer = post(connection, clock, ask).await.map_err(|error| unread().because(error))?;
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(|error| unread().because(error.without_url()));
    }
    let refusal: Value = answer.json().await.unwrap_or_default();
    let code =
        refusal["__type"].as_str().and_then(|code| code.rsplit('#').next()).unwrap_or_default().to_owned();
    if LASTING.contains(&code.as_str()) {
        return Err(wrong(id, &format!("is not there or may not be read ({code})")));
    }
    Err(unread().with("status", status).with("code", code))
}

/// Refusals that asking again does not change. Throttles and ended sessions come with the same status.
const LASTING: [&str; 5] = [
    "ResourceNotFoundException",
    "AccessDeniedException",
    "InvalidRequestException",
    "InvalidParameterException",
    "DecryptionFailure",
];

fn wrong(id: &str, what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the secret {id} {what}"))
}
