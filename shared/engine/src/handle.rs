//! What a message asks for, done.

use crate::deliver::deliver;
use crate::error::Result;
use crate::finish_run::finish_run;
use crate::ports::{Message, Ports};
use crate::run_step::run_step;
use crate::start_run::begin_run;

/// Handles one message. When this succeeds the message is done with; when it fails it must come again.
pub async fn handle(ports: &Ports, message: &Message) -> Result<()> {
    match message {
        Message::Start(run) => begin_run(ports, run).await,
        Message::Step(step) => run_step(ports, step).await,
        Message::Finish { run, cause } => finish_run(ports, run, cause.as_deref()).await,
        Message::Deliver(run) => deliver(ports, run).await,
    }
}
