//! Messages nobody could handle, from the queues of dead letters.

use engine::error::Result;
use engine::ports::{Message, StepMessage};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Deserialize;

use crate::Opened;
use crate::messages::Received;

/// Ends what a dead message was about. One that cannot even be read is put where a person looks.
pub fn bury<'a>(opened: &'a Opened, received: &'a Received) -> BoxFuture<'a, Result<()>> {
    async move {
        let ports = &opened.ports;
        let read = received.message().ok().cloned().or_else(|| as_step(&received.body));
        let Some(message) = read else {
            tracing::error!(bytes = received.body.len(), "a dead message that cannot be read is parked");
            return opened.reached.sqs.park(&received.body).await;
        };
        tracing::error!(run = %message.run().run, step = ?message.step_name(), "nobody could handle this message");
        engine::bury(ports, &message).await?;
        ports.metrics.count("dead_letters", 1);
        Ok(())
    }
    .boxed()
}

/// The step of a message that is broken elsewhere.
fn as_step(body: &str) -> Option<Message> {
    #[derive(Deserialize)]
    struct Least {
        #[serde(flatten)]
        run: engine::model::RunKey,
        agent: engine::model::AgentId,
        #[serde(default = "engine::model::ItemId::none")]
        item: engine::model::ItemId,
        task_token: engine::model::Token,
    }
    let Least { run, agent, item, task_token } = serde_json::from_str(body).ok()?;
    Some(Message::Step(StepMessage { run, agent, item, hop: 0, task_token }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_broken_message_still_names_its_step() {
        let broken = json!({ "kind": "stepp", "run": "01RUN", "tenant": "acme", "agent": "a", "hop": -1, "task_token": "t" });
        assert!(matches!(as_step(&broken.to_string()), Some(Message::Step(step)) if step.item.is_none()));
        assert!(as_step("{\"run\":\"01RUN\"}").is_none());
    }
}
