//! Queues say how many messages wait and take one; the workflow takes executions and answers.
//!
//! The message starts a run that does not exist, and the token is one that nobody waits for: whoever gets them has nothing to
//! do.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{try_join, try_join_all};
use serde_json::json;

use super::probe::Probe;
use super::{Check, Finding};
use crate::error::Result;
use crate::model::Token;
use crate::ports::{Message, Queue};

const NAME: &str = "agent_coordination";

/// More messages than this wait only where nobody takes them, or too few do.
const MANY: u64 = 10_000;

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: true,
    about: "queues say how many messages wait, and take one about no run; the workflow takes executions, and an answer that \
            nobody waits for",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let (waiting, ready) = try_join(queues(probe), workflow(probe)).await?;
    let (Some(waiting), Some(ready)) = (waiting, ready) else {
        return Ok(Finding::unknown("this process was not told of the queues and the workflow"));
    };
    if !ready {
        return Ok(Finding::fail("the workflow takes no executions"));
    }
    let what = format!("queues and workflow answer; {waiting} messages wait");
    let finding = if waiting > MANY { Finding::warn(what) } else { Finding::pass(what) };
    Ok(finding.observed(waiting as f64, "messages"))
}

/// How many messages wait on the queues that are known here; `None` if none is.
async fn queues(probe: &Probe<'_>) -> Result<Option<u64>> {
    let queues = Arc::clone(&probe.ports.queues);
    let depths = try_join_all(Queue::ALL.map(|queue| queues.depth(queue))).await?;
    let mut known = depths.into_iter().flatten().peekable();
    if known.peek().is_none() {
        return Ok(None);
    }
    queues.send(Queue::Runs, &Message::Start(probe.run(NAME)), 0).await?;
    Ok(Some(known.sum()))
}

async fn workflow(probe: &Probe<'_>) -> Result<Option<bool>> {
    let workflow = &probe.ports.workflow;
    let ready = workflow.ready().await?;
    if ready == Some(true) {
        workflow.succeed(&Token::new(probe.tenant(NAME).as_str()), json!({})).await?;
    }
    Ok(ready)
}
