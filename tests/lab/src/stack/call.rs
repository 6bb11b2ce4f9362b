//! What a request to AWS asks for: which service and action, of which resource, by which function.
//!
//! Read from the wire as SDKs write it: the service from the scope of the signature, the action from `X-Amz-Target`, the
//! form's `Action`, or method and path.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod rest;
mod targets;

/// What a role must allow for a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Permission {
    /// The action as policies write it, such as `dynamodb:PutItem`.
    pub action: String,
    /// The part of the resource's ARN that names it: `table/NAME`, `table/NAME/index/gsi1`, a queue's name, `BUCKET/KEY`, an
    /// ARN where the request has one; empty where the request names none, as with a task's token.
    pub resource: String,
}

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The function that asks, by its name in the template, such as `agent-light`; `None` for callers that are no function.
    pub function: Option<String>,
    /// The service as its signature names it, such as `dynamodb`, `sqs`, `states`, `s3`.
    pub service: String,
    /// The operation, such as `TransactWriteItems`.
    pub action: String,
    /// The first resource it names.
    pub resource: String,
    /// What a role must allow for it: several for a transaction, one for most.
    pub permissions: Vec<Permission>,
    /// How many items a transaction or a batch has; 1 for everything else.
    pub items: usize,
}

impl Asked {
    /// Reads a request.
    pub fn read(parts: &Parts, body: &[u8]) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let scope = signature_scope(&parts.headers, query);
        let target = header(&parts.headers, "x-amz-target");
        let service = scope.or_else(|| targets::service_of(target)).unwrap_or_default();
        let (action, named) = match target.rsplit_once('.') {
            Some((_, action)) => {
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                (action.to_owned(), targets::named(&service, action, &body))
            }
            None if service == "s3" => rest::s3(parts),
            None if service == "lambda" => rest::lambda(parts),
            None => (form_action(body).unwrap_or_else(|| rest::plain(parts)), Vec::new()),
        };
        let resource = named.first().map(|(_, resource)| resource.clone()).unwrap_or_default();
        let items = targets::items(&action, named.len());
        let mut permissions: Vec<Permission> = named
            .into_iter()
            .map(|(action, resource)| Permission { action: format!("{service}:{action}"), resource })
            .collect();
        permissions.sort();
        permissions.dedup();
        let function = function(header(&parts.headers, "user-agent"));
        Self { function, service, action, resource, permissions, items }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// `dynamodb` of `Credential=KEY/20260101/us-east-1/dynamodb/aws4_request`, from the header or a presigned address.
fn signature_scope(headers: &HeaderMap, query: &str) -> Option<String> {
    let authorization = header(headers, "authorization");
    let scope = match authorization.split_once("Credential=") {
        Some((_, scope)) => scope.split(',').next()?.to_owned(),
        None => {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == "X-Amz-Credential")?.1.replace("%2F", "/")
        }
    };
    scope.split('/').nth(3).map(str::to_owned)
}

/// The function's name in the template, from the application's name in the user agent: `app/<stack>-<function>`.
fn function(user_agent: &str) -> Option<String> {
    let application = user_agent.split(' ').find_map(|part| part.strip_prefix("app/"))?;
    let known = super::deploy::FUNCTIONS.iter().find(|name| {
        application.strip_suffix(*name).is_some_and(|stack| stack.is_empty() || stack.ends_with('-'))
    });
    Some(known.map_or(application, |name| name).to_owned())
}

fn form_action(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned)
}

#[cfg(test)]
mod tests;
