//! What earlier runs left, as rows.

use std::sync::Arc;

use async_trait::async_trait;
use engine::error::Result;
use engine::model::{MemoryRecord, RunId, TenantId};
use engine::ports::{Becomes, Change, Expect, Key, Memory, Range, Row, Store};

const PAGE: usize = 100;

/// What earlier runs left, over a store of rows.
#[derive(Clone)]
pub struct LiteMemory {
    store: Arc<dyn Store>,
}

impl LiteMemory {
    /// The memory in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Memory for LiteMemory {
    async fn remember(&self, tenant: &TenantId, record: &MemoryRecord) -> Result<()> {
        let change = Change {
            key: Key::Memory(tenant.clone(), record.run_id.clone()),
            expect: Expect::Anything,
            to: Becomes::Row(Row::Memory(record.clone())),
            due_ms: None,
        };
        self.store.write(&[change]).await
    }

    async fn recent(
        &self,
        tenant: &TenantId,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<MemoryRecord>> {
        let range = Range::Memory(tenant.clone(), before.cloned());
        let (mut records, mut from) = (Vec::new(), None::<String>);
        while records.len() < limit {
            // The run itself may be among them.
            let wanted = (limit - records.len() + usize::from(before.is_some())).min(PAGE);
            let page = self.store.list(&range, from.as_deref(), wanted).await?;
            records.extend(page.rows.into_iter().filter_map(|(_, versioned)| match versioned.row {
                Row::Memory(record) if before.is_none_or(|run| record.run_id < *run) => Some(record),
                _ => None,
            }));
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        records.truncate(limit);
        Ok(records)
    }
}
