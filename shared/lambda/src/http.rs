//! The function behind the HTTP API, and the operator's door beside it.

use std::process::ExitCode;
use std::sync::Arc;

use api::Api;
use axum::Router;
use axum::body::Body;
use engine::error::{Error, ErrorKind, Result};
use engine::health::Watch;
use lambda_http::Adapter;
use lambda_http::request::LambdaRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tokio::sync::OnceCell;
use tower::{Service as _, ServiceExt as _};

use crate::parts::Recipe;
use crate::{Failure, Opened, Platform, entry, operator};

/// A request that waits for an event is a function that runs, and a new account has ten of them.
const LONGEST_WAIT_MS: u64 = 1_000;

/// Answers requests of the API. An event that is an operator's wish is carried out instead: such an event cannot come through
/// the API, only from whoever may invoke the function itself.
pub fn http(recipe: Recipe) -> ExitCode {
    entry::run(|| async {
        let door = Arc::new(Door { platform: Platform::new(recipe), router: OnceCell::new() });
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
            let door = door.clone();
            async move { door.answer(event).await.map_err(Failure) }
        }))
        .await
    })
}

/// The ports, and the router over them once it is needed.
struct Door {
    platform: Platform,
    router: OnceCell<Router>,
}

impl Door {
    async fn answer(&self, event: LambdaEvent<Value>) -> Result<Value> {
        let opened = self.platform.open().await?;
        let answered = match operator::Wish::read(&event.payload) {
            Some(wish) => wish?.carry_out(&opened).await,
            None => through_the_api(self.router.get_or_init(async || router(&opened)).await, event).await,
        };
        opened.reached.metrics.flush(opened.ports.clock.now_ms()).await;
        answered
    }
}

fn router(opened: &Opened) -> Router {
    let (ports, config) = (opened.ports.clone(), opened.config.clone());
    // The function that checks health may do what the checks do; this one tells what that one found.
    let health = Watch::recorded();
    api::router(&Arc::new(Api { ports, config, longest_wait_ms: LONGEST_WAIT_MS, health }))
}

async fn through_the_api(router: &Router, event: LambdaEvent<Value>) -> Result<Value> {
    let LambdaEvent { payload, context, .. } = event;
    let request: LambdaRequest = serde_json::from_value(payload).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, "this event is no request of the API and no operator's wish")
            .because(error)
    })?;
    let mut adapter = Adapter::from(service_fn(move |request: lambda_http::Request| {
        let router = router.clone();
        router.oneshot(request.map(|body| Body::from(body.to_vec())))
    }));
    let never = |error: std::convert::Infallible| match error {};
    let response = adapter.call(LambdaEvent::new(request, context)).await.unwrap_or_else(never);
    serde_json::to_value(response)
        .map_err(|error| Error::new(ErrorKind::Internal, "an answer cannot be told").because(error))
}
