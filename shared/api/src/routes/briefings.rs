//! A run's briefing, in the form that is asked for.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{RunStatus, Scope};
use futures::FutureExt as _;
use render::{Form, Report};
use serde_json::json;

use crate::call::{Call, typed};
use crate::operation::{Answer, Body, Method, Operation, Parameter, Place, Takes};

/// Each form, its name in `format`, and its media type; the first is the default.
const FORMS: [(Form, &str, &str); 3] = [
    (Form::Json, "json", "application/json"),
    (Form::Markdown, "md", "text/markdown; charset=utf-8"),
    (Form::Html, "html", "text/html; charset=utf-8"),
];
const ASK_AGAIN_MS: u64 = 1_000;

pub(super) fn operations() -> Vec<Operation> {
    let content = FORMS.map(|(form, _, media_type)| {
        let schema =
            if form == Form::Json { json!({ "type": "object" }) } else { json!({ "type": "string" }) };
        (media_type.split(';').next().unwrap_or(media_type), schema)
    });
    vec![Operation {
        method: Method::Get,
        path: "/runs/{id}/briefing",
        name: "getBriefing",
        summary: "The briefing of a run that has ended; 409 while it is at work, 404 if it has none.",
        scope: Some(Scope::Read),
        parameters: vec![Parameter {
            place: Place::Query,
            name: "format",
            takes: Takes::Choice(&["json", "md", "html"]),
            about: "Its form. Without it the Accept header decides, then JSON.",
        }],
        body: Body::None,
        answers: vec![Answer {
            status: 200,
            about: "The briefing with its evidence, its cost and how it came about.",
            content: content.into(),
            headers: &[],
        }],
        handler: |call| show(call).boxed(),
    }]
}

async fn show(call: Call) -> Result<Response> {
    let key = call.run()?;
    let report = Report::load(&call.api.ports, &key).await?;
    let run = &report.run;
    if !run.status.is_final() {
        let what = format!("the run {} is still at work; its events tell when it has ended", key.run);
        return Err(Error::new(ErrorKind::NotReady, what).retry_after(ASK_AGAIN_MS));
    }
    if report.briefing().is_none() {
        let why = match (&run.failure, run.status) {
            (Some(failure), _) => failure.message.clone(),
            (None, RunStatus::Cancelled) => "it was cancelled".to_owned(),
            (None, _) => "it made none".to_owned(),
        };
        return Err(Error::new(ErrorKind::NotFound, format!("the run {} has no briefing: {why}", key.run)));
    }
    let (form, _, media_type) = form(&call);
    let mut response = typed(200, media_type, form.render(&report).into_bytes())?;
    // The page loads nothing and runs nothing; a browser is held to that, whatever the content managed.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// The form asked for by parameter, or else the one its Accept header likes best.
fn form(call: &Call) -> (Form, &'static str, &'static str) {
    if let Some(format) = call.text("format") {
        return FORMS.into_iter().find(|(_, name, _)| *name == format).unwrap_or(FORMS[0]);
    }
    FORMS[call.preferred(&FORMS.map(|(.., media_type)| media_type))]
}
