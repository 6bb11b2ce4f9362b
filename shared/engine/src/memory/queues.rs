//! Queues in memory, with what the real ones do: delivery at least once, delays, visibility, dead letters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Slots;
use crate::ports::{Clock, Message, Queue, Queues};

/// The real queues delay no longer.
const LONGEST_DELAY_MS: u64 = 900_000;

/// A message in the hands of a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Names this reception of the message for [`MemoryQueues::acknowledge`]. Once it is received again, an older one names nothing.
    pub receipt: u64,
    /// The message.
    pub message: Message,
    /// How often it was received, this time included.
    pub receive_count: u32,
}

/// Queues in memory.
pub struct MemoryQueues {
    clock: Arc<dyn Clock>,
    visibility_ms: u64,
    max_receive_count: u32,
    state: Mutex<State>,
    arrived: event::Event,
}

#[derive(Default)]
struct State {
    next_receipt: u64,
    queues: BTreeMap<Queue, BTreeMap<u64, Waiting>>,
    dead: Vec<(Queue, Message)>,
    died: usize,
}

struct Waiting {
    message: Message,
    visible_ms: u64,
    receive_count: u32,
}

impl MemoryQueues {
    /// Queues whose messages come back after `visibility_ms` unless acknowledged, and die when they have been received
    /// `max_receive_count` times.
    pub fn new(clock: Arc<dyn Clock>, visibility_ms: u64, max_receive_count: u32) -> Self {
        Self {
            clock,
            visibility_ms,
            max_receive_count,
            state: Mutex::default(),
            arrived: event::Event::default(),
        }
    }

    /// The visible message that has waited longest, if there is one. Whoever gets it must acknowledge it, or it comes
    /// back.
    pub fn receive(&self, queue: Queue) -> Option<Received> {
        self.receive_fairly(queue, &Slots::default())
    }

    /// The same, but a tenant that holds half of the slots waits for others that hold less, as the real queues let a noisy
    /// tenant wait.
    pub fn receive_fairly(&self, queue: Queue, slots: &Slots) -> Option<Received> {
        let now = self.clock.now_ms();
        let mut state = lock(&self.state);
        let State { queues, dead, died, next_receipt } = &mut *state;
        let messages = queues.get_mut(&queue)?;
        loop {
            let visible = messages.iter().filter(|(_, waiting)| waiting.visible_ms <= now);
            let receipt = visible
                .min_by_key(|(receipt, waiting)| {
                    let tenant = &waiting.message.run().tenant;
                    (slots.goes_last(tenant), waiting.visible_ms, **receipt)
                })
                .map(|(receipt, _)| *receipt)?;
            let mut waiting = messages.remove(&receipt)?;
            if waiting.receive_count >= self.max_receive_count {
                *died += 1;
                dead.push((queue, waiting.message));
                continue;
            }
            waiting.receive_count += 1;
            waiting.visible_ms = now + self.visibility_ms;
            *next_receipt += 1;
            let receipt = *next_receipt;
            let (message, receive_count) = (waiting.message.clone(), waiting.receive_count);
            messages.insert(receipt, waiting);
            return Some(Received { receipt, message, receive_count });
        }
    }

    /// The message is done with.
    pub fn acknowledge(&self, queue: Queue, receipt: u64) {
        if let Some(messages) = lock(&self.state).queues.get_mut(&queue) {
            messages.remove(&receipt);
        }
    }

    /// The message stays out of sight until `visible_ms`.
    pub fn change_visibility(&self, queue: Queue, receipt: u64, visible_ms: u64) {
        if let Some(waiting) =
            lock(&self.state).queues.get_mut(&queue).and_then(|messages| messages.get_mut(&receipt))
        {
            waiting.visible_ms = visible_ms;
        }
        self.arrived.notify();
    }

    /// Takes the messages that died so far.
    pub fn take_dead(&self) -> Vec<(Queue, Message)> {
        std::mem::take(&mut lock(&self.state).dead)
    }

    /// How many messages have died since the beginning.
    pub fn died(&self) -> usize {
        lock(&self.state).died
    }

    /// How many messages there are, visible or not.
    pub fn len(&self) -> usize {
        lock(&self.state).queues.values().map(BTreeMap::len).sum()
    }

    /// True if there is no message at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the next message of a queue becomes visible, if it has any.
    pub fn next_visible_ms(&self, queue: Queue) -> Option<u64> {
        lock(&self.state).queues.get(&queue)?.values().map(|waiting| waiting.visible_ms).min()
    }

    /// Resolves with a new count once something was sent or made visible after the count `seen`; begin with 0.
    pub async fn arrival(&self, seen: u64) -> u64 {
        self.arrived.later_than(seen).await
    }
}

#[async_trait]
impl Queues for MemoryQueues {
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()> {
        if delay_ms > LONGEST_DELAY_MS {
            return Err(Error::new(ErrorKind::Internal, "a message is delayed by at most 900 s"));
        }
        let now = self.clock.now_ms();
        {
            let mut state = lock(&self.state);
            state.next_receipt += 1;
            let receipt = state.next_receipt;
            let waiting = Waiting { message: message.clone(), visible_ms: now + delay_ms, receive_count: 0 };
            state.queues.entry(queue).or_default().insert(receipt, waiting);
        }
        self.arrived.notify();
        Ok(())
    }

    async fn depth(&self, queue: Queue) -> Result<Option<u64>> {
        let now = self.clock.now_ms();
        let state = lock(&self.state);
        let messages = state.queues.get(&queue).into_iter().flat_map(BTreeMap::values);
        Ok(Some(messages.filter(|waiting| waiting.visible_ms <= now).count() as u64))
    }
}

/// A count of arrivals one can wait on, on any executor and with any number of waiters.
mod event {
    use std::future::poll_fn;
    use std::sync::Mutex;
    use std::task::{Poll, Waker};

    use crate::memory::lock;

    #[derive(Default)]
    pub(super) struct Event(Mutex<(u64, Vec<Waker>)>);

    impl Event {
        pub(super) fn notify(&self) {
            let wakers = {
                let mut state = lock(&self.0);
                state.0 += 1;
                std::mem::take(&mut state.1)
            };
            wakers.into_iter().for_each(Waker::wake);
        }

        pub(super) async fn later_than(&self, seen: u64) -> u64 {
            poll_fn(|context| {
                let mut state = lock(&self.0);
                if state.0 > seen {
                    return Poll::Ready(state.0);
                }
                state.1.push(context.waker().clone());
                Poll::Pending
            })
            .await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::VirtualTime;
    use crate::model::{RunId, RunKey, TenantId};

    #[test]
    fn a_message_that_was_received_again_is_not_deleted_by_who_had_it_before() {
        let time = VirtualTime::new(1_000);
        let queues = MemoryQueues::new(time.clone(), 60_000, 3);
        let run = RunKey { tenant: TenantId::new("t"), run: RunId::new("r") };
        futures::executor::block_on(queues.send(Queue::Runs, &Message::Start(run), 0)).unwrap();
        let first = queues.receive(Queue::Runs).unwrap();
        queues.change_visibility(Queue::Runs, first.receipt, 1_000);
        let second = queues.receive(Queue::Runs).unwrap();
        assert_eq!((second.receive_count, &second.message), (2, &first.message));
        queues.acknowledge(Queue::Runs, first.receipt);
        queues.change_visibility(Queue::Runs, first.receipt, 1_000);
        assert_eq!((queues.len(), queues.receive(Queue::Runs)), (1, None));
        queues.acknowledge(Queue::Runs, second.receipt);
        assert!(queues.is_empty());
    }

    #[test]
    fn a_noisy_tenant_waits_for_others() {
        let queues = MemoryQueues::new(VirtualTime::new(1_000), 60_000, 3);
        let send = |tenant: &str, run: usize| {
            let run = RunKey { tenant: TenantId::new(tenant), run: RunId::new(run.to_string()) };
            futures::executor::block_on(queues.send(Queue::Runs, &Message::Start(run), 0)).unwrap();
        };
        (0..6).for_each(|run| send("noisy", run));
        send("quiet", 9);
        let mut slots = Slots::new(4);
        let mut order = Vec::new();
        while let Some(received) = queues.receive_fairly(Queue::Runs, &slots) {
            let tenant = received.message.run().tenant.clone();
            slots.enter(&tenant);
            order.push(tenant.as_str().to_owned());
        }
        assert_eq!(order[..4], ["noisy", "noisy", "quiet", "noisy"]);
        assert_eq!(order.len(), 7, "nobody else waits, so nothing stays behind");
    }
}
