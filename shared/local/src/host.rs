//! The queues' consumer in one process: what event source mappings and functions are on AWS. It takes messages, hands
//! them to the engine, and acknowledges what was handled; a message that failed comes back, and one that keeps failing
//! is buried.

use std::collections::BTreeMap;
use std::pin::pin;

use engine::error::Result;
use engine::limits::Slots;
use engine::memory::{MemoryQueues, Received};
use engine::model::RunKey;
use engine::ports::{Ports, Queue};
use futures::StreamExt as _;
use futures::future::{BoxFuture, Either, FutureExt as _, select};
use futures::stream::FuturesUnordered;

/// A failed message comes back after this long, doubled with each time it failed.
const RETRY_MS: u64 = 500;

/// How many messages of a queue are handled at once.
#[derive(Clone, Copy, Debug)]
pub struct Concurrency(pub usize);

/// Consumes all queues for ever; drop it to stop.
pub async fn serve(ports: &Ports, queues: &MemoryQueues, Concurrency(most): Concurrency) {
    let mut in_flight: FuturesUnordered<BoxFuture<'_, Handled>> = FuturesUnordered::new();
    let mut busy: BTreeMap<Queue, Slots> = Queue::ALL.map(|queue| (queue, Slots::new(most))).into();
    let mut arrivals = 0;
    loop {
        for (queue, slots) in &mut busy {
            while slots.has_room() {
                let Some(received) = queues.receive_fairly(*queue, slots) else { break };
                slots.enter(&received.message.run().tenant);
                in_flight.push(handle(ports, *queue, received).boxed());
            }
        }
        for (_, message) in queues.take_dead() {
            if let Err(error) = engine::bury(ports, &message).await {
                tracing::error!(%error, ?message, "a dead message could not be buried; its run ends at its deadline");
            }
        }
        let with_room = busy.iter().filter(|(_, slots)| slots.has_room());
        let next_visible = with_room.filter_map(|(queue, _)| queues.next_visible_ms(*queue)).min();
        let handled = {
            let arrival = pin!(queues.arrival(arrivals));
            let wake = pin!(async {
                match next_visible {
                    Some(at_ms) => ports.clock.sleep(at_ms.saturating_sub(ports.clock.now_ms()).max(1)).await,
                    None => futures::future::pending().await,
                }
            });
            let done = pin!(async {
                match in_flight.next().await {
                    Some(handled) => handled,
                    None => futures::future::pending().await,
                }
            });
            match select(done, select(arrival, wake)).await {
                Either::Left((handled, _)) => Some(handled),
                Either::Right((Either::Left((count, _)), _)) => {
                    arrivals = count;
                    None
                }
                Either::Right((Either::Right(_), _)) => None,
            }
        };
        if let Some(Handled { queue, received, outcome }) = handled {
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
    }
}

struct Handled {
    queue: Queue,
    received: Received,
    outcome: Result<()>,
}

async fn handle(ports: &Ports, queue: Queue, received: Received) -> Handled {
    let outcome = engine::handle(ports, &received.message).await;
    Handled { queue, received, outcome }
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
