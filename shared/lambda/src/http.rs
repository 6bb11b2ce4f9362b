//! The function behind the HTTP API, and the operator's door beside it.

use std::process::ExitCode;
use std::sync::Arc;

use api::Api;
use axum::Router;
use axum::body::Body;
use engine::error::{Error, ErrorKind, Result};
use lambda_http::Adapter;
use lambda_http::request::LambdaRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tower::{Service as _, ServiceExt as _};

use crate::parts::Recipe;
use crate::{Failure, Opened, Platform, entry, operator};

/// Answers requests of the API. An event that is an operator's wish is carried out instead: such an event cannot come through
/// the API, only from whoever may invoke the function itself.
pub fn http(recipe: Recipe) -> ExitCode {
    entry::run(|| async {
        let platform = Arc::new(Platform::new(recipe));
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
            let platform = platform.clone();
            async move { answer(&platform, event).await.map_err(Failure) }
        }))
        .await
    })
}

async fn answer(platform: &Platform, event: LambdaEvent<Value>) -> Result<Value> {
    let opened = platform.open().await?;
    let answered = match operator::Wish::read(&event.payload) {
        Some(wish) => wish?.carry_out(&opened).await,
        None => through_the_api(&opened, event).await,
    };
    opened.metrics.flush(opened.ports.clock.now_ms());
    answered
}

async fn through_the_api(opened: &Opened, event: LambdaEvent<Value>) -> Result<Value> {
    let LambdaEvent { payload, context, .. } = event;
    let request: LambdaRequest = serde_json::from_value(payload).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, "this event is no request of the API and no operator's wish")
            .because(error)
    })?;
    let router = api::router(&Arc::new(Api { ports: opened.ports.clone(), config: opened.config.clone() }));
    let mut adapter = Adapter::from(service_fn(move |request: lambda_http::Request| {
        let router: Router = router.clone();
        router.oneshot(request.map(|body| Body::from(body.to_vec())))
    }));
    let never = |error: std::convert::Infallible| match error {};
    let response = adapter.call(LambdaEvent::new(request, context)).await.unwrap_or_else(never);
    serde_json::to_value(response)
        .map_err(|error| Error::new(ErrorKind::Internal, "an answer cannot be told").because(error))
}
