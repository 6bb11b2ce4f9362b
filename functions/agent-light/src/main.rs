//! Steps of agents that need a language model only: one step a message of the queue `agent-light`.

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
