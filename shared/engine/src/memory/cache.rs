//! Stored answers in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use super::lock;
use crate::error::Result;
use crate::model::TenantId;
use crate::ports::{Cache, Clock};

/// A cache in memory; the entry nearest its end goes first when it is full.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    most: usize,
    entries: Mutex<BTreeMap<(TenantId, String), (Value, u64)>>,
}

impl MemoryCache {
    /// An empty cache for at most `most` entries.
    pub fn new(clock: Arc<dyn Clock>, most: usize) -> Self {
        Self { clock, most, entries: Mutex::default() }
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, tenant: &TenantId, key: &str) -> Result<Option<Value>> {
        let now = self.clock.now_ms();
        let entries = lock(&self.entries);
        let entry = entries.get(&(tenant.clone(), key.to_owned()));
        Ok(entry.filter(|(_, expires_ms)| *expires_ms > now).map(|(value, _)| value.clone()))
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Value, expires_ms: u64) -> Result<()> {
        let now = self.clock.now_ms();
        let mut entries = lock(&self.entries);
        entries.insert((tenant.clone(), key.to_owned()), (entry.clone(), expires_ms));
        if entries.len() > self.most {
            entries.retain(|_, (_, expires_ms)| *expires_ms > now);
        }
        while entries.len() > self.most {
            let first =
                entries.iter().min_by_key(|(_, (_, expires_ms))| *expires_ms).map(|(key, _)| key.clone());
            first.map(|key| entries.remove(&key));
        }
        Ok(())
    }
}
