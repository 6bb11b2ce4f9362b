//! The queues' consumer in one process: what event source mappings and functions are on AWS. It takes messages, hands
//! them to the engine, and acknowledges what was handled; a message that failed comes back, and one that keeps failing
//! is buried.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::Poll;

use engine::error::Result;
use engine::limits::Slots;
use engine::memory::{MemoryQueues, Received};
use engine::model::RunKey;
use engine::ports::{Message, Ports, Queue};
use futures::future::{BoxFuture, Either, FutureExt as _, select};
use futures::stream::FuturesUnordered;
use futures::{StreamExt as _, poll};

/// A message that failed comes back after this long, doubled each time it was received, half a minute at most.
const RETRY_MS: u64 = 500;

/// How many messages of a queue are handled at once.
#[derive(Clone, Copy, Debug)]
pub struct Concurrency(pub usize);

/// Consumes all queues for ever; drop it to stop.
pub async fn serve(ports: &Ports, queues: &MemoryQueues, Concurrency(most): Concurrency) {
    let mut in_flight: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
    let mut busy: BTreeMap<Queue, Slots> = Queue::ALL.map(|queue| (queue, Slots::new(most))).into();
    let mut arrivals = 0;
    loop {
        let mut has_begun = false;
        for queue in Queue::ALL {
            let Some(received) = receive(queues, queue, &mut busy) else { continue };
            in_flight.push(handle(ports, queue, received).boxed());
            while let Poll::Ready(Some(done)) = poll!(in_flight.next()) {
                end(ports, queues, &mut busy, done);
            }
            // What it sends need not wait until all others are begun.
            tokio::task::yield_now().await;
            has_begun = true;
        }
        for (_, message) in queues.take_dead() {
            in_flight.push(bury(ports, message).boxed());
        }
        if has_begun {
            continue;
        }
        let with_room = busy.iter().filter(|(_, slots)| slots.has_room());
        let next_visible = with_room.filter_map(|(queue, _)| queues.next_visible_ms(*queue)).min();
        let done = {
            let arrival = pin!(queues.arrival(arrivals));
            let wake = pin!(async {
                match next_visible {
                    Some(at_ms) => ports.clock.sleep(at_ms.saturating_sub(ports.clock.now_ms()).max(1)).await,
                    None => futures::future::pending().await,
                }
            });
            let done = pin!(async {
                match in_flight.next().await {
                    Some(done) => done,
                    None => futures::future::pending().await,
                }
            });
            match select(done, select(arrival, wake)).await {
                Either::Left((done, _)) => Some(done),
                Either::Right((Either::Left((count, _)), _)) => {
                    arrivals = count;
                    None
                }
                Either::Right((Either::Right(_), _)) => None,
            }
        };
        if let Some(done) = done {
            end(ports, queues, &mut busy, done);
        }
    }
}

/// The next message of a queue, if there is room for it.
fn receive(queues: &MemoryQueues, queue: Queue, busy: &mut BTreeMap<Queue, Slots>) -> Option<Received> {
    let slots = busy.get_mut(&queue).filter(|slots| slots.has_room())?;
    let received = queues.receive_fairly(queue, slots)?;
    slots.enter(&received.message.run().tenant);
    Some(received)
}

/// Makes room, and acknowledges what was handled; what failed comes back.
fn end(ports: &Ports, queues: &MemoryQueues, busy: &mut BTreeMap<Queue, Slots>, done: Done) {
    let (queue, received, outcome) = match done {
        Done::Handled(queue, received, outcome) => (queue, received, outcome),
        Done::Buried(_, Ok(())) => return,
        Done::Buried(message, Err(error)) => {
            tracing::error!(%error, ?message, "a dead message could not be buried; its run ends at its deadline");
            return;
        }
    };
    busy.entry(queue).and_modify(|slots| slots.leave(&received.message.run().tenant));
    match outcome {
        Ok(()) => queues.acknowledge(queue, received.receipt),
        Err(error) => {
            tracing::warn!(%error, ?queue, receive_count = received.receive_count, "a message failed and comes back");
            let wait_ms = RETRY_MS << received.receive_count.min(6);
            queues.change_visibility(queue, received.receipt, ports.clock.now_ms() + wait_ms);
        }
    }
}

enum Done {
    Handled(Queue, Received, Result<()>),
    Buried(Message, Result<()>),
}

async fn bury(ports: &Ports, message: Message) -> Done {
    let outcome = engine::bury(ports, &message).await;
    Done::Buried(message, outcome)
}

async fn handle(ports: &Ports, queue: Queue, received: Received) -> Done {
    let outcome = engine::handle(ports, &received.message).await;
    Done::Handled(queue, received, outcome)
}

/// Tries every component and records how it did, each few minutes, for ever; drop it to stop.
pub async fn look_after(ports: &Ports) {
    const EVERY_MS: u64 = 5 * 60_000;
    loop {
        ports.clock.sleep(EVERY_MS).await;
        let readings = engine::health::probe(ports, engine::health::MOST_MS).await;
        if let Err(error) = engine::health::history::record(ports, &readings).await {
            tracing::warn!(%error, "how the components did is not recorded");
        }
    }
}

/// Looks at what is due once a minute, for ever; drop it to stop.
pub async fn sweep(ports: &Ports) {
    each_minute(ports, || engine::sweep(ports)).await;
}

/// The same for a process that works on one run: what is due of others is left to those who go on with them.
pub async fn sweep_beside(ports: &Ports, run: &RunKey) {
    each_minute(ports, || engine::sweep_beside(ports, run)).await;
}

async fn each_minute<Swept: Future<Output = Result<usize>>>(ports: &Ports, sweep: impl Fn() -> Swept) {
    const EVERY_MS: u64 = 60_000;
    loop {
        if let Err(error) = sweep().await {
            tracing::warn!(%error, "not swept; trying again in a minute");
        }
        ports.clock.sleep(EVERY_MS).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use engine::agent::Profile;
    use engine::model::{AgentId, ItemId, RunId, TenantId, Token};
    use engine::ports::{Change, Key, Page, Queues as _, Range, StepMessage, Store, Versioned};

    use super::*;
    use crate::commands::session;

    /// A store that is asked through a socket: the question is on its way only when the runtime has had its turn.
    struct Remote {
        store: Arc<dyn Store>,
        log: Mutex<Vec<String>>,
        /// So many times another run starts when one is asked for.
        more: Option<(Arc<MemoryQueues>, usize)>,
    }

    impl Remote {
        fn log(&self) -> Vec<String> {
            self.log.lock().unwrap().clone()
        }
    }

    fn key(run: &str) -> RunKey {
        RunKey { tenant: TenantId::new("a"), run: RunId::new(run) }
    }

    #[async_trait]
    impl Store for Remote {
        async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
            let Some(Key::Run(run)) = keys.first() else { panic!("{keys:?}") };
            self.log.lock().unwrap().push(format!("{} begun", run.run));
            if let Some((queues, most)) = &self.more
                && self.log.lock().unwrap().len() < 2 * most
            {
                queues.send(Queue::Runs, &Message::Start(key("more")), 0).await?;
            }
            tokio::task::yield_now().await;
            self.log.lock().unwrap().push(format!("{} sent", run.run));
            self.store.read(keys).await
        }

        async fn write(&self, changes: &[Change]) -> Result<()> {
            self.store.write(changes).await
        }

        async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
            self.store.list(range, from, limit).await
        }
    }

    /// What is done, in which order, about runs that do not exist: some that start, and one that ends.
    async fn done_about(starting: &[&str], ending: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let config = boot::Config::from(|_| None).unwrap();
        let session = session::open(&config, folder.path()).await.unwrap();
        let remote =
            Arc::new(Remote { store: session.ports.store.clone(), log: Mutex::default(), more: None });
        let ports = Ports { store: remote.clone(), ..session.ports };
        for name in starting {
            session.queues.send(Queue::Runs, &Message::Start(key(name)), 0).await.unwrap();
        }
        let end = Message::Finish { run: key(ending), cause: None };
        session.queues.send(Queue::Deliveries, &end, 0).await.unwrap();
        serve_all(&ports, &session.queues).await;
        remote.log()
    }

    /// Serves until no message is left.
    async fn serve_all(ports: &Ports, queues: &MemoryQueues) {
        let serve = pin!(serve(ports, queues, Concurrency(8)));
        let handled = pin!(async {
            while !queues.is_empty() {
                tokio::task::yield_now().await;
            }
        });
        select(serve, handled).await;
    }

    #[tokio::test]
    async fn what_a_message_sends_does_not_wait_for_the_next_and_no_queue_for_another() {
        let expected = ["1", "9", "2", "3"].map(|run| [format!("{run} begun"), format!("{run} sent")]);
        assert_eq!(done_about(&["1", "2", "3"], "9").await, expected.concat());
    }

    #[tokio::test]
    async fn a_dead_message_is_buried_while_others_keep_coming() {
        const MOST: usize = 200;
        let folder = tempfile::tempdir().unwrap();
        let config = boot::Config::from(|_| None).unwrap();
        let session = session::open(&config, folder.path()).await.unwrap();
        let queues = Arc::new(MemoryQueues::new(session.ports.clock.clone(), 60_000, 1));
        let step = StepMessage {
            run: key("dead"),
            agent: AgentId::new("transcription_engineer"),
            item: ItemId::new("-"),
            task_token: Token::new("token"),
            hop: 0,
        };
        queues.send(Queue::Agents(Profile::Light), &Message::Step(step), 0).await.unwrap();
        let received = queues.receive(Queue::Agents(Profile::Light)).unwrap();
        queues.change_visibility(Queue::Agents(Profile::Light), received.receipt, 0);
        queues.send(Queue::Runs, &Message::Start(key("more")), 0).await.unwrap();

        let more = Some((queues.clone(), MOST));
        let remote = Arc::new(Remote { store: session.ports.store.clone(), log: Mutex::default(), more });
        let ports = Ports { store: remote.clone(), ..session.ports };
        serve_all(&ports, &queues).await;
        let log = remote.log();
        let buried = log.iter().position(|asked| asked == "dead begun");
        assert!(log.len() >= MOST && buried.is_some_and(|at| at < MOST / 10), "{buried:?} of {}", log.len());
    }
}
