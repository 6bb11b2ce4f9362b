//! Steps of agents with tools that reach the outside world: one step a message of the queue `agent-tools`.

use std::process::ExitCode;

use engine::error::{Error, ErrorKind};
use engine::ports::Message;
use futures::FutureExt as _;

fn main() -> ExitCode {
    lambda::messages(lambda::WITH_STEPS, |opened, received| {
        async move {
            match received.message()? {
                Message::Step(step) => engine::run_step(&opened.ports, step).await,
                _ => Err(Error::new(ErrorKind::InvalidInput, "this queue holds steps only")),
            }
        }
        .boxed()
    })
}
