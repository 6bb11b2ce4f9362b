//! How long a workflow takes when its steps take given times.

use std::sync::Mutex;

use engine::model::{AgentId, ItemId};
use engine::ports::{Clock, Message, Random, StepMessage};
use serde_json::Value;

use super::failure::Failure;
use super::host::Execution;
use super::machine::Machine;
use super::script::{Sent, lock, walk_script};
use super::walk::Ended;

/// What a step answers, and after how long.
#[derive(Clone, Debug, PartialEq)]
pub struct StepAnswer {
    /// The time from its message to its report.
    pub after_ms: u64,
    /// Its report.
    pub result: Result<Value, Failure>,
}

/// When a step of a walk ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTime {
    /// The agent.
    pub agent: AgentId,
    /// The item.
    pub item: ItemId,
    /// When its message was sent, in milliseconds from the start of the walk.
    pub sent_ms: u64,
    /// When it reports.
    pub done_ms: u64,
}

/// A walk whose steps were answered by a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Walked {
    /// How it ended.
    pub ended: Ended,
    /// Its steps, in the order they were sent.
    pub steps: Vec<StepTime>,
    /// Messages other than steps, in the order they were sent.
    pub messages: Vec<Message>,
    /// How long the walk took.
    pub makespan_ms: u64,
}

/// Walks `machine` with every step answered by `answer`, on whatever time `clock` keeps. A message that is not one of
/// the platform's is refused as `States.Runtime`.
pub async fn walk_steps(
    machine: &Machine,
    execution: &Execution,
    clock: &dyn Clock,
    random: &dyn Random,
    answer: &(dyn Fn(&StepMessage) -> StepAnswer + Send + Sync),
) -> Walked {
    let started_ms = clock.now_ms();
    let (steps, messages) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let on_send = |_: &str, body: &Value, _: Option<&str>| match serde_json::from_value(body.clone()) {
        Err(error) => Sent::Refused(Failure::runtime(format!("not a message of the platform: {error}"))),
        Ok(Message::Step(step)) => {
            let StepAnswer { after_ms, result } = answer(&step);
            let sent_ms = clock.now_ms() - started_ms;
            let done_ms = sent_ms.saturating_add(after_ms);
            lock(&steps).push(StepTime { agent: step.agent, item: step.item, sent_ms, done_ms });
            Sent::Answered { after_ms, result }
        }
        Ok(message) => {
            lock(&messages).push(message);
            Sent::Taken
        }
    };
    let ended = walk_script(machine, execution, (clock, random), &(), &on_send).await;
    let makespan_ms = clock.now_ms() - started_ms;
    let (steps, messages) = (std::mem::take(&mut *lock(&steps)), std::mem::take(&mut *lock(&messages)));
    Walked { ended, steps, messages, makespan_ms }
}
