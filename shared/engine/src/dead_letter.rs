//! A message that nobody could handle: its step fails, explained, so that nothing waits for ever.

use crate::error::{Error, ErrorKind, Result};
use crate::finish_run::close_step;
use crate::model::{Outcome, StepError};
use crate::ports::{Message, Ports};
use crate::report::report;
use crate::start_run::load_run;

/// Ends what a dead message was about. Runs and deliveries need nothing here: `sweep` finds them when they are due.
pub async fn bury(ports: &Ports, message: &Message) -> Result<()> {
    let Message::Step(message) = message else {
        return Ok(());
    };
    let (Some(run), Some(spec)) =
        (load_run(ports, &message.run).await?, ports.catalogue.agent(&message.agent))
    else {
        return Ok(());
    };
    // What makes an answer ahead is waited for by nobody; `sweep` ends it.
    if run.status.is_final() || run.warms.is_some() {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Internal, "no worker could handle this step's message");
    let step = close_step(ports, &run, &message.step(), &Outcome::Failed(StepError::from(&error))).await?;
    report(ports, spec, &run, &step, &message.task_token).await
}
