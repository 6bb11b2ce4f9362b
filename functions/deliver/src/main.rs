//! Ended workflows and briefings to post: the messages of the queue `deliveries`.

use std::process::ExitCode;

use engine::error::{Error, ErrorKind};
use engine::ports::Message;
use futures::FutureExt as _;

fn main() -> ExitCode {
    lambda::messages(lambda::WITHOUT_STEPS, |opened, received| {
        async move {
            match received.message()? {
                Message::Finish { run, cause } => {
                    engine::finish_run(&opened.ports, run, cause.as_deref()).await
                }
                Message::Deliver(run) => engine::deliver(&opened.ports, run).await,
                _ => Err(Error::new(ErrorKind::InvalidInput, "this queue holds ended runs only")),
            }
        }
        .boxed()
    })
}
