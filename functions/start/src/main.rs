//! Accepted runs: each message of the queue `runs` starts the run's workflow under the run's id.

use std::process::ExitCode;

use engine::error::{Error, ErrorKind};
use engine::ports::Message;
use futures::FutureExt as _;

fn main() -> ExitCode {
    lambda::messages(lambda::WITHOUT_STEPS, |opened, received| {
        async move {
            match received.message()? {
                Message::Start(run) => engine::begin_run(&opened.ports, run).await,
                _ => Err(Error::new(ErrorKind::InvalidInput, "this queue holds accepted runs only")),
            }
        }
        .boxed()
    })
}
