//! The function that fetches links for others.

use std::process::ExitCode;
use std::sync::Arc;

use boot::{Config, SystemClock};
use lambda_runtime::{LambdaEvent, service_fn};
use platforms::fetch::Fetch;
use tokio::sync::OnceCell;

use crate::remote_fetch::{Answered, Asked};
use crate::{Failure, entry};

/// Answers with what a link holds, or why it cannot be fetched. One fetcher serves the process, so its manners towards hosts
/// and what it has just fetched last.
pub fn fetching() -> ExitCode {
    entry::run(|| async {
        let fetcher: OnceCell<Arc<dyn Fetch>> = OnceCell::new();
        let fetcher = &fetcher;
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Asked>| -> Result<Answered, Failure> {
            let open =
                || async { Config::from_env().map(|config| boot::fetcher(&config, Arc::new(SystemClock))) };
            let fetcher = fetcher.get_or_try_init(open).await?;
            Ok(Answered::of(fetcher.fetch(&event.payload.request()).await))
        }))
        .await
    })
}
