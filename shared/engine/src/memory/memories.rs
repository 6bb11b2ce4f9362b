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

    async fn recent(&self, tenant: &TenantId, limit: usize) -> Result<Vec<MemoryRecord>> {
        let records = lock(&self.0);
        // Run ids sort by the time of acceptance.
        let newest_first = records.get(tenant).into_iter().flat_map(|runs| runs.values().rev());
        Ok(newest_first.take(limit).cloned().collect())
    }

    async fn recent_before(&self, tenant: &TenantId, run: &RunId, limit: usize) -> Result<Vec<MemoryRecord>> {
        let records = lock(&self.0);
        let earlier = records.get(tenant).into_iter().flat_map(|runs| runs.range::<RunId, _>(..run).rev());
        Ok(earlier.take(limit).map(|(_, record)| record.clone()).collect())
    }
}
