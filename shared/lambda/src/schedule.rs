//! Functions that the clock calls.

use std::process::ExitCode;
use std::sync::Arc;

use engine::error::Result;
use futures::future::BoxFuture;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::parts::Recipe;
use crate::{Failure, Opened, Platform, entry};

/// Calls `work` for each event; what it returns is the function's answer.
pub fn schedule(recipe: Recipe, work: for<'a> fn(&'a Opened) -> BoxFuture<'a, Result<Value>>) -> ExitCode {
    entry::run(|| async {
        let platform = Arc::new(Platform::new(recipe));
        lambda_runtime::run(service_fn(move |_: LambdaEvent<Value>| {
            let platform = platform.clone();
            async move {
                let opened = platform.open().await?;
                let worked = work(&opened).await;
                opened.reached.metrics.flush(opened.ports.clock.now_ms()).await;
                worked.map_err(Failure)
            }
        }))
        .await
    })
}
