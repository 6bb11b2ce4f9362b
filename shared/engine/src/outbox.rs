//! Messages that leave although the process may die: written with what causes them, sent after, found by `sweep` if
//! nobody sent them.

use crate::error::Result;
use crate::model::{Outbox, OutboxMessage, RunKey};
use crate::ports::{Change, Key, Message, Ports, Queue, Range, Row};
use crate::start_run::OUTBOX_GRACE_MS;
use crate::transact::{Decision, create, list_all, read, transact};

/// The row that starts a run's workflow.
pub(crate) const START: &str = "start";
/// The row that has a run's briefing posted; it stays until the post is made.
pub(crate) const DELIVER: &str = "deliver";

/// The change that writes a row of the outbox.
pub(crate) fn put(run: &RunKey, name: &str, message: OutboxMessage, now: u64) -> Change {
    let row = Outbox { run: run.clone(), name: name.to_owned(), message, created_ms: now };
    create(Key::Outbox(run.clone(), name.to_owned()), Row::Outbox(row), Some(now + OUTBOX_GRACE_MS))
}

/// Sends everything in a run's outbox.
pub(crate) async fn send(ports: &Ports, run: &RunKey) -> Result<()> {
    for (key, versioned) in list_all(ports, &Range::Outbox(run.clone())).await? {
        if let Row::Outbox(row) = versioned.row {
            send_one(ports, &key, &row).await?;
        }
    }
    Ok(())
}

/// Sends one row of a run's outbox, if it is still there.
pub(crate) async fn send_named(ports: &Ports, run: &RunKey, name: &str) -> Result<()> {
    let key = Key::Outbox(run.clone(), name.to_owned());
    match read(ports, std::slice::from_ref(&key)).await?.pop().flatten() {
        Some(Row::Outbox(row)) => send_one(ports, &key, &row).await,
        _ => Ok(()),
    }
}

/// Sends one row's message. A start is done once it is sent; a delivery only when it is posted, so it stays and comes
/// due again.
pub(crate) async fn send_one(ports: &Ports, key: &Key, row: &Outbox) -> Result<()> {
    match row.message {
        OutboxMessage::Start => {
            ports.queues.send(Queue::Runs, &Message::Start(row.run.clone()), 0).await?;
            remove(ports, key).await
        }
        OutboxMessage::Deliver => {
            ports.queues.send(Queue::Deliveries, &Message::Deliver(row.run.clone()), 0).await?;
            let due_ms = Some(ports.clock.now_ms() + OUTBOX_GRACE_MS);
            transact(ports, std::slice::from_ref(key), |rows| {
                Ok(match rows.get(key) {
                    Some(row) => Decision::Write(vec![rows.put(key.clone(), row.clone(), due_ms)], ()),
                    None => Decision::Leave(()),
                })
            })
            .await
        }
    }
}

async fn remove(ports: &Ports, key: &Key) -> Result<()> {
    transact(ports, std::slice::from_ref(key), |rows| {
        Ok(match rows.get(key) {
            Some(_) => Decision::Write(vec![rows.delete(key.clone())], ()),
            None => Decision::Leave(()),
        })
    })
    .await
}
