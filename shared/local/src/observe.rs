//! Tells the live view what happens, as it is written.

use async_trait::async_trait;
use engine::error::Result;
use engine::model::{Event, RunKey};
use engine::ports::{Becomes, Change, Key, Page, Range, Row, Store, Versioned};
use futures::channel::mpsc::UnboundedSender;
use std::sync::Arc;

/// A store that passes on every event once it is written.
pub struct Observed {
    store: Arc<dyn Store>,
    events: UnboundedSender<(RunKey, Event)>,
}

impl Observed {
    /// Passes the events written to `store` on to `events`.
    pub fn new(store: Arc<dyn Store>, events: UnboundedSender<(RunKey, Event)>) -> Self {
        Self { store, events }
    }
}

#[async_trait]
impl Store for Observed {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.store.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        self.store.write(changes).await?;
        for change in changes {
            if let (Key::Event(run, _), Becomes::Row(Row::Event(event))) = (&change.key, &change.to) {
                // Nobody listens any more: the run goes on all the same.
                let _ = self.events.unbounded_send((run.clone(), event.clone()));
            }
        }
        Ok(())
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.store.list(range, from, limit).await
    }
}
