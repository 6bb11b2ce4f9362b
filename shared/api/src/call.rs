//! A request on its way in: whose key, which parameters, what body. What does not fit its operation's row ends here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use engine::Caller;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{RunId, RunKey, TenantId};
use engine::schema::{Fault, Problem, Schema};
use futures::StreamExt as _;
use serde::Serialize;
use serde_json::Value;

use crate::Api;
use crate::operation::{Body, Operation, Place, Takes};

/// The largest body, but for content that is put in its place: what a function on AWS takes.
pub(crate) const LARGEST_BODY_BYTES: u64 = 6 * 1024 * 1024;

/// A request that fits its operation.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    caller: Option<Caller>,
    path: Option<String>,
    parameters: BTreeMap<&'static str, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Received,
}

/// A body that fits its operation.
pub(crate) enum Received {
    Nothing,
    Json(Value),
    Bytes(Bytes),
}

impl Call {
    /// Whose request it is.
    pub(crate) fn tenant(&self) -> Result<&TenantId> {
        let caller = self.caller.as_ref();
        caller
            .map(|caller| &caller.tenant)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "an operation without a scope asked for a tenant"))
    }

    /// The id in the path.
    pub(crate) fn id(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }

    /// The run in the path, of the caller's own tenant. Kind `NotFound` for what cannot be a run's id.
    pub(crate) fn run(&self) -> Result<RunKey> {
        Ok(RunKey { tenant: self.tenant()?.clone(), run: RunId::new(self.ulid("run")?) })
    }

    /// The id in the path if it has the form of one of ours.
    pub(crate) fn ulid(&self, what: &str) -> Result<&str> {
        let id = self.id();
        if id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return Ok(id);
        }
        Err(Error::new(ErrorKind::NotFound, format!("there is no such {what}")))
    }

    /// Which of these media types the Accept header likes best; the first if it names none of them.
    pub(crate) fn preferred(&self, offered: &[&str]) -> usize {
        let accepted = self.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut best = (0.0, 0);
        for range in accepted.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media_range = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let wanted =
                offered.iter().position(|media_type| media_type.split(';').next() == Some(&media_range));
            if let Some(wanted) = wanted.filter(|_| quality > best.0) {
                best = (quality, wanted);
            }
        }
        best.1
    }

    /// A parameter that was given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// A number that was given or has a default.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

/// Who asks, where the operation needs a key. Nothing but the key's row is read.
pub(crate) async fn authorise(
    api: &Api,
    operation: &Operation,
    headers: &HeaderMap,
) -> Result<Option<Caller>> {
    let Some(scope) = operation.scope else { return Ok(None) };
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let presented = match (given.next(), given.next()) {
        (Some(one), None) => one.to_str().ok().and_then(|text| text.split_once(' ')),
        _ => None,
    };
    let presented = presented.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let caller = engine::authenticate(&api.ports, presented.map_or("", |(_, key)| key.trim())).await?;
    caller.require(scope)?;
    Ok(Some(caller))
}

/// The rest of a request, checked against its operation.
pub(crate) async fn receive(
    api: Arc<Api>,
    operation: &Operation,
    caller: Option<Caller>,
    path: Option<String>,
    parts: Parts,
    body: HttpBody,
) -> Result<Call> {
    let parameters = parameters(operation, &parts)?;
    let body = match &operation.body {
        Body::None => Received::Nothing,
        Body::Bytes(most) => Received::Bytes(read(body, *most).await?),
        Body::Json { compiled, schema } => {
            check_is_json(&parts.headers)?;
            let value = parse(&read(body, LARGEST_BODY_BYTES).await?)?;
            let compiled = compiled.get_or_init(|| Schema::new(schema)).as_ref().map_err(|why| {
                Error::new(
                    ErrorKind::Internal,
                    format!("the schema of this operation does not compile: {why}"),
                )
            })?;
            check_fits(compiled, schema, &value)?;
            Received::Json(value)
        }
    };
    Ok(Call { api, caller, path, parameters, headers: parts.headers, body })
}

fn parameters(operation: &Operation, parts: &Parts) -> Result<BTreeMap<&'static str, String>> {
    let refuse = |name: &str, what: String| {
        let shown: String = name.chars().take(64).collect();
        Err(Error::new(ErrorKind::InvalidInput, format!("{shown}: {what}")))
    };
    let mut found = BTreeMap::new();
    let mut take = |place: Place, name: &str, text: String| {
        let known = operation.parameters.iter().find(|known| known.place == place && known.name == name);
        let Some(parameter) = known else {
            return refuse(name, "there is no such parameter".to_owned());
        };
        if let Err(what) = parameter.takes.check(&text) {
            return refuse(name, format!("must be {what}"));
        }
        match found.insert(parameter.name, text) {
            Some(_) => refuse(name, "is given more than once".to_owned()),
            None => Ok(()),
        }
    };
    for (name, text) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        take(Place::Query, &name, text.into_owned())?;
    }
    for parameter in operation.parameters.iter().filter(|parameter| parameter.place == Place::Header) {
        for value in parts.headers.get_all(parameter.name) {
            take(Place::Header, parameter.name, value.to_str().unwrap_or_default().to_owned())?;
        }
    }
    for parameter in &operation.parameters {
        if let Takes::Number { default, .. } = parameter.takes {
            found.entry(parameter.name).or_insert_with(|| default.to_string());
        }
    }
    Ok(found)
}

fn check_is_json(headers: &HeaderMap) -> Result<()> {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::UnsupportedMedia, "the body must be JSON: Content-Type: application/json"))
}

/// All of a body that has at most so many bytes.
async fn read(body: HttpBody, most: u64) -> Result<Bytes> {
    /// So much of a body that is too large is still taken, and dropped, so that its sender gets to read the answer.
    const DROPPED_BYTES: u64 = 32 * 1024 * 1024;
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0u64);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|error| Error::new(ErrorKind::InvalidInput, "the body broke off").because(error))?;
        length += chunk.len() as u64;
        if length <= most {
            bytes.extend_from_slice(&chunk);
        } else if length > most + DROPPED_BYTES {
            break;
        }
    }
    if length > most {
        let what = format!("the body has more than the {most} bytes this takes");
        return Err(Error::new(ErrorKind::TooLarge, what));
    }
    Ok(bytes.into())
}

fn parse(bytes: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, "the body is not UTF-8").because(error))?;
    serde_json::from_str(text).map_err(|error| {
        let what = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
        Error::new(ErrorKind::InvalidInput, what).because(error)
    })
}

fn check_fits(compiled: &Schema, schema: &Value, value: &Value) -> Result<()> {
    let faults: Vec<String> = compiled
        .faults(value)
        .into_iter()
        .map(|Fault { place, problem }| match (place.as_str(), problem) {
            ("", Problem::NotOneOf) => exactly_one(schema),
            ("", problem) => problem.to_string(),
            (_, Problem::Forbidden) => format!("{place}: does not go with the other fields"),
            (_, problem) => format!("{place}: {problem}"),
        })
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, faults.join("; ")))
}

/// What a choice between fields says to whoever made none, or two.
fn exactly_one(schema: &Value) -> String {
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let names: Vec<&str> = choices.filter_map(|choice| choice["required"][0].as_str()).collect();
    format!("give exactly one of: {}", names.join(", "))
}

/// An answer in JSON.
pub(crate) fn json(status: u16, value: &impl Serialize) -> Result<Response> {
    typed(status, "application/json", serde_json::to_vec(value).map_err(unwritten)?)
}

/// An answer of a media type. Nothing the API says is for a cache or for a browser to guess at.
pub(crate) fn typed(status: u16, media_type: &'static str, bytes: Vec<u8>) -> Result<Response> {
    let status = StatusCode::from_u16(status)
        .map_err(|error| Error::new(ErrorKind::Internal, "no such status").because(error))?;
    let headers = [
        (CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((status, headers, bytes).into_response())
}

fn unwritten(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "an answer cannot be written as JSON").because(error)
}
