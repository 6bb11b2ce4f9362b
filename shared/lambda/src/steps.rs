//! The functions that run agents' steps. They differ in what their roles may use and what is linked, not in code.

use std::process::ExitCode;

use engine::error::{Error, ErrorKind};
use engine::ports::Message;
use futures::FutureExt as _;

use crate::{Recipe, messages};

/// Runs one step a message.
pub fn steps(recipe: Recipe) -> ExitCode {
    messages(recipe, |opened, received| {
        async move {
            match received.message()? {
                Message::Step(step) => engine::run_step(&opened.ports, step).await,
                _ => Err(Error::new(ErrorKind::InvalidInput, "this queue holds steps only")),
            }
        }
        .boxed()
    })
}
