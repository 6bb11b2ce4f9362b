//! What a walk is given: its input, the services its tasks call, time and randomness, and who watches.

use async_trait::async_trait;
use engine::model::Token;
use engine::ports::{Clock, Random};
use serde_json::Value;

use super::failure::Failure;
use super::token::Answer;

/// One walk through a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Its name, which is the run's id.
    pub name: String,
    /// Its input.
    pub input: Value,
}

impl Execution {
    /// `$$.Execution.Id`.
    pub(super) fn id(&self) -> String {
        format!("arn:aws:states:local:000000000000:execution:local:{}", self.name)
    }
}

/// Everything a walk reaches outside itself.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// What tasks call.
    pub services: &'a dyn Services,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Randomness, for the jitter of retries.
    pub random: &'a dyn Random,
    /// Who watches; `&()` for nobody.
    pub observer: &'a dyn Observer,
}

/// What tasks call.
#[async_trait]
pub trait Services: Send + Sync {
    /// Sends a message; answers as the queue service does. A failure's error is the name `ErrorEquals` matches, such as
    /// `SQS.SdkClientException`.
    async fn send_message(
        &self,
        queue_url: &str,
        body: &Value,
        group: Option<&str>,
    ) -> Result<Value, Failure>;
    /// A token for a task that waits, and its answer.
    fn new_token(&self) -> (Token, Answer);
}

/// Watches walks. It decides nothing.
pub trait Observer: Send + Sync {
    /// Sees a moment of the execution of that name.
    fn see(&self, execution: &str, at_ms: u64, moment: Moment<'_>);
}

impl Observer for () {
    fn see(&self, _: &str, _: u64, _: Moment<'_>) {}
}

/// Something that happened in a walk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment<'a> {
    /// A state was entered.
    Entered {
        /// The state.
        state: &'a str,
    },
    /// A state was left with success.
    Left {
        /// The state.
        state: &'a str,
    },
    /// A state failed and will be tried again.
    Retrying {
        /// The state.
        state: &'a str,
        /// How it failed.
        failure: &'a Failure,
        /// After how long.
        delay_ms: u64,
    },
    /// A state failed and the walk goes on elsewhere.
    Caught {
        /// The state.
        state: &'a str,
        /// How it failed.
        failure: &'a Failure,
        /// Where it goes on.
        next: &'a str,
    },
    /// A state failed.
    Failed {
        /// The state.
        state: &'a str,
        /// How it failed.
        failure: &'a Failure,
    },
}
