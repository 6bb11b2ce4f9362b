//! What earlier runs left, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::error::Result;
use crate::model::{MemoryRecord, RunId, TenantId};
use crate::ports::Memory;

/// Records by tenant and run.
#[derive(Debug, Default)]
pub struct MemoryMemories(Mutex<BTreeMap<TenantId, BTreeMap<RunId, MemoryRecord>>>);

#[async_trait]
impl Memory for MemoryMemories {
    async fn remember(&self, tenant: &TenantId, record: &MemoryRecord) -> Result<()> {
        lock(&self.0).entry(tenant.clone()).or_default().insert(record.run_id.clone(), record.clone());
        Ok(())
    }

    async fn recent(
        &self,
        tenant: &TenantId,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<MemoryRecord>> {
        let records = lock(&self.0);
        // Run ids sort by the time of acceptance.
        let newest_first = records.get(tenant).into_iter().flat_map(|runs| runs.iter().rev());
        let wanted = newest_first.filter(|(run, _)| before.is_none_or(|before| *run < before));
        Ok(wanted.take(limit).map(|(_, record)| record.clone()).collect())
    }
}
