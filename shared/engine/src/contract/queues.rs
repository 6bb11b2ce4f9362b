//! What queues must do.

use async_trait::async_trait;

use super::{Verdict, done, ensure, refused, same, samples};
use crate::agent::Profile;
use crate::error::ErrorKind;
use crate::model::{AgentId, ItemId, RunKey, Token};
use crate::ports::{Clock, Message, Queue, Queues, StepMessage};

/// The other end of the queues, which no port of the engine has.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Takes every message that is visible now, and acknowledges it.
    async fn take(&self, queue: Queue) -> Vec<Message>;
}

/// Tries everything the engine relies on. The queues must be empty; `clock` is the one they read, and its `sleep` must move
/// it on. A message may come twice, so only what must come and what must not is looked at.
pub async fn queues_contract(queues: &dyn Queues, consumer: &dyn Consumer, clock: &dyn Clock) -> Verdict {
    let run = samples::run_key("tenant \u{1f980} \"one\"", 0);
    let sent = [
        (Queue::Runs, Message::Start(run.clone())),
        (Queue::Agents(Profile::Light), step(&run, 0)),
        (Queue::Agents(Profile::Tools), step(&run, 1)),
        (Queue::Agents(Profile::Semantic), step(&run, 2)),
        (Queue::Deliveries, Message::Finish { run: run.clone(), cause: None }),
    ];
    for (queue, message) in &sent {
        done(queues.send(*queue, message, 0).await, "sending")?;
    }
    for queue in Queue::ALL {
        let taken = consumer.take(queue).await;
        let expected: Vec<&Message> =
            sent.iter().filter(|(of, _)| *of == queue).map(|(_, message)| message).collect();
        ensure(expected.iter().all(|message| taken.contains(message)), || {
            format!("{queue:?} lacks a message: {taken:?}")
        })?;
        ensure(taken.iter().all(|message| expected.contains(&message)), || {
            format!("{queue:?} has a message of another: {taken:?}")
        })?;
    }

    const LONGEST_DELAY_MS: u64 = 900_000;
    let deliver = Message::Deliver(run.clone());
    let finish = Message::Finish { run, cause: Some("TIMED_OUT".to_owned()) };
    done(queues.send(Queue::Deliveries, &finish, 5_000).await, "sending with a delay")?;
    done(queues.send(Queue::Deliveries, &deliver, LONGEST_DELAY_MS).await, "sending with the longest delay")?;
    let longer = queues.send(Queue::Deliveries, &deliver, LONGEST_DELAY_MS + 1_000).await;
    refused(longer, ErrorKind::Internal, "a longer delay than queues have")?;
    same(&consumer.take(Queue::Deliveries).await, &Vec::new(), "messages whose delay has not passed")?;
    clock.sleep(6_000).await;
    let taken = consumer.take(Queue::Deliveries).await;
    ensure(taken.contains(&finish), || format!("a message after its delay: {taken:?}"))?;
    ensure(!taken.contains(&deliver), || "a message long before its delay has passed".to_owned())?;
    clock.sleep(LONGEST_DELAY_MS).await;
    let taken = consumer.take(Queue::Deliveries).await;
    ensure(taken.contains(&deliver), || format!("a message after the longest delay: {taken:?}"))
}

fn step(run: &RunKey, hop: u32) -> Message {
    Message::Step(StepMessage {
        run: run.clone(),
        agent: AgentId::new("verification_director"),
        item: ItemId::new("c1"),
        hop,
        task_token: Token::new("t\u{e4}/+=="),
    })
}
