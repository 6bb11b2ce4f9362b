//! Functions that the clock calls, and others with them.

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
    entry::run(|| serve(recipe, move |opened, _| work(opened)))
}

/// The same for events that say what is to be done.
pub fn calls(
    recipe: Recipe,
    work: for<'a> fn(&'a Opened, Value) -> BoxFuture<'a, Result<Value>>,
) -> ExitCode {
    entry::run(|| serve(recipe, work))
}

async fn serve<W>(recipe: Recipe, work: W) -> std::result::Result<(), lambda_runtime::Error>
where
    W: for<'a> Fn(&'a Opened, Value) -> BoxFuture<'a, Result<Value>> + Copy + Send + Sync + 'static,
{
    let platform = Arc::new(Platform::new(recipe));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let platform = platform.clone();
        async move {
            let opened = platform.open().await?;
            let worked = work(&opened, event.payload).await;
            opened.reached.metrics.flush(opened.ports.clock.now_ms()).await;
            worked.map_err(Failure)
        }
    }))
    .await
}
