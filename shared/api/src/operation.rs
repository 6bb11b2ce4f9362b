//! An operation as a row, from which the router and the document are made.

use std::sync::OnceLock;

use axum::response::Response;
use axum::routing::MethodFilter;
use engine::error::Result;
use engine::model::Scope;
use engine::schema::Schema;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::call::Call;

/// One operation of the API.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With `{id}` where a part of it is chosen.
    pub(crate) path: &'static str,
    /// Its name in the document.
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// What a key must allow; `None` for what anybody may ask.
    pub(crate) scope: Option<Scope>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Body,
    pub(crate) answers: Vec<Answer>,
    pub(crate) handler: Handler,
}

/// What answers.
pub(crate) type Handler = fn(Call) -> BoxFuture<'static, Result<Response>>;

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    /// As the document spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Get => "get",
            Method::Post => "post",
            Method::Put => "put",
            Method::Delete => "delete",
        }
    }

    pub(crate) fn filter(self) -> MethodFilter {
        match self {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Delete => MethodFilter::DELETE,
        }
    }
}

/// A parameter beside the path's own.
pub(crate) struct Parameter {
    pub(crate) place: Place,
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) about: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Query,
    Header,
}

/// What a parameter takes.
pub(crate) enum Takes {
    /// A whole number from `least` to `most`, and what it is when it is absent.
    Number { least: u64, most: u64, default: u64 },
    /// Printable ASCII of 1 to so many characters.
    Text(usize),
    /// One of these.
    Choice(&'static [&'static str]),
}

impl Takes {
    /// Says what would do, if `text` does not.
    pub(crate) fn check(&self, text: &str) -> std::result::Result<(), String> {
        let fits = match self {
            Takes::Number { least, most, .. } => {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                digits && text.parse().is_ok_and(|number: u64| (*least..=*most).contains(&number))
            }
            Takes::Text(longest) => {
                (1..=*longest).contains(&text.len()) && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
            }
            Takes::Choice(names) => names.contains(&text),
        };
        let what = match self {
            _ if fits => return Ok(()),
            Takes::Number { least, most, .. } => format!("a whole number from {least} to {most}"),
            Takes::Text(longest) => format!("1 to {longest} printable ASCII characters without spaces"),
            Takes::Choice(names) => format!("one of {}", names.join(", ")),
        };
        Err(what)
    }

    /// The same as a schema.
    pub(crate) fn schema(&self) -> Value {
        match self {
            Takes::Number { least, most, default } => {
                json!({ "type": "integer", "minimum": least, "maximum": most, "default": default })
            }
            Takes::Text(longest) => {
                json!({ "type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[!-~]+$" })
            }
            Takes::Choice(names) => json!({ "type": "string", "enum": names }),
        }
    }
}

/// What a request carries.
pub(crate) enum Body {
    /// Nothing.
    None,
    /// JSON that fits a schema.
    Json { schema: Value, compiled: OnceLock<Result<Schema, String>> },
    /// Any bytes, at most so many.
    Bytes(u64),
}

impl Body {
    /// JSON that fits `schema`; a schema that does not compile accepts nothing.
    pub(crate) fn json(schema: Value) -> Body {
        Body::Json { compiled: OnceLock::new(), schema }
    }
}

/// An answer that is no problem.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    /// Media types with their schemas.
    pub(crate) content: Vec<(&'static str, Value)>,
    /// Headers, all of them text.
    pub(crate) headers: &'static [&'static str],
}

impl Answer {
    /// JSON of that schema.
    pub(crate) fn json(status: u16, about: &'static str, schema: Value) -> Answer {
        Answer { status, about, content: vec![("application/json", schema)], headers: &[] }
    }
}
