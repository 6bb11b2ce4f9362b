//! The workflow service.

use async_trait::async_trait;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use engine::error::{Error, ErrorKind, Result};
use engine::model::{RunKey, Token};
use engine::ports::Workflow;
use serde_json::Value;

use crate::Connection;

/// The service's limits, in bytes.
const LONGEST_ERROR: usize = 256;
const LONGEST_CAUSE: usize = 32_768;
const LARGEST_OUTPUT: usize = 262_144;

/// Executions of one state machine, each under the id of its run.
#[derive(Clone, Debug)]
pub struct StepFunctions {
    client: Client,
    machine_arn: Option<String>,
}

impl StepFunctions {
    /// Executions of the machine at `machine_arn`. Tokens are answered without knowing it; starting and stopping then are kind
    /// `Configuration`.
    pub fn new(connection: &Connection, machine_arn: Option<String>) -> Self {
        Self { client: Client::new(connection.sdk_config()), machine_arn }
    }

    fn machine(&self) -> Result<&str> {
        self.machine_arn.as_deref().ok_or_else(|| {
            let what = "ASSAY_STATE_MACHINE is not set: this function was not told of the workflow";
            Error::new(ErrorKind::Configuration, what)
        })
    }

    /// Whether the machine is there and takes executions.
    pub async fn is_active(&self) -> Result<bool> {
        let answer = self.client.describe_state_machine().state_machine_arn(self.machine()?).send().await;
        let answer = answer.map_err(failed)?;
        // The status is absent where the service does not tell it, and then the machine is not being deleted.
        Ok(answer.status().is_none_or(|status| status.as_str() == "ACTIVE"))
    }

    fn execution(&self, run: &RunKey) -> Result<String> {
        Ok(format!("{}:{}", self.machine()?.replacen(":stateMachine:", ":execution:", 1), run.run))
    }
}

#[async_trait]
impl Workflow for StepFunctions {
    async fn start(&self, run: &RunKey, input: Value) -> Result<()> {
        let request = self.client.start_execution().state_machine_arn(self.machine()?);
        let request = request.name(run.run.as_str()).input(input.to_string());
        settled(request.send().await, &["ExecutionAlreadyExists"])
    }

    async fn succeed(&self, token: &Token, output: Value) -> Result<()> {
        let output = output.to_string();
        if output.len() > LARGEST_OUTPUT {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "a step's answer is larger than travels between states",
            ));
        }
        if token.as_str().is_empty() {
            return Ok(());
        }
        settled(self.client.send_task_success().task_token(token.as_str()).output(output).send().await, &GONE)
    }

    async fn fail(&self, token: &Token, error: &str, cause: &str) -> Result<()> {
        if token.as_str().is_empty() {
            return Ok(());
        }
        let request = self.client.send_task_failure().task_token(token.as_str());
        let request = request.error(cut(error, LONGEST_ERROR)).cause(cut(cause, LONGEST_CAUSE));
        settled(request.send().await, &GONE)
    }

    async fn stop(&self, run: &RunKey, cause: &str) -> Result<()> {
        let request = self.client.stop_execution().execution_arn(self.execution(run)?);
        let answer = request.cause(cut(cause, LONGEST_CAUSE)).send().await;
        let over = |message: &str| message.contains("not running");
        match answer {
            Err(error)
                if error.code() == Some("ValidationException") && error.message().is_some_and(over) =>
            {
                Ok(())
            }
            answer => settled(answer, &["ExecutionDoesNotExist"]),
        }
    }

    async fn ready(&self) -> Result<Option<bool>> {
        match self.machine_arn {
            Some(_) => self.is_active().await.map(Some),
            None => Ok(None),
        }
    }
}

/// How a token is answered that is late, unknown or used: all three mean that nobody waits for it.
const GONE: [&str; 3] = ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"];

/// Done, or it had been done before.
fn settled<T, E, R>(answer: std::result::Result<T, SdkError<E, R>>, as_good: &[&str]) -> Result<()>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.code().is_some_and(|code| as_good.contains(&code)) => {
            tracing::debug!(code = error.code(), "nobody waits for this any more");
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

fn failed<E, R>(error: SdkError<E, R>) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    Error::new(ErrorKind::Storage, "the workflow service could not be used").because(error)
}

/// The first `most` bytes, cut between characters.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("abc", 256), "abc");
        assert_eq!(cut("aéb", 2), "a");
        assert_eq!(cut("aéb", 3), "aé");
    }
}
