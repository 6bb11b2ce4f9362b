//! Each minute: what is due. Messages nobody sent, runs past their deadline.

use std::process::ExitCode;

use futures::FutureExt as _;
use serde_json::json;

fn main() -> ExitCode {
    lambda::schedule(lambda::WITHOUT_STEPS, |opened| {
        async move {
            let found = engine::sweep(&opened.ports).await?;
            Ok(json!({ "found": found }))
        }
        .boxed()
    })
}
