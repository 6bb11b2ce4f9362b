//! Stored answers as rows that expire.

use std::sync::Arc;

use async_trait::async_trait;
use engine::error::Result;
use engine::model::TenantId;
use engine::ports::{Becomes, Cache, Change, Clock, Expect, Key, Row, Store};
use serde_json::Value;

/// Larger answers are not worth their place: they are not stored.
const LARGEST_ENTRY_BYTES: usize = 300 * 1024;

/// Stored answers over a store of rows.
#[derive(Clone)]
pub struct LiteCache {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl LiteCache {
    /// Stored answers in `store`, which end by `clock`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl Cache for LiteCache {
    async fn get(&self, tenant: &TenantId, key: &str) -> Result<Option<Value>> {
        let found = self.store.read(&[Key::Cache(tenant.clone(), key.to_owned())]).await?;
        Ok(match found.into_iter().next().flatten().map(|versioned| versioned.row) {
            Some(Row::Expiring { value, expires_ms }) if expires_ms > self.clock.now_ms() => Some(value),
            _ => None,
        })
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Value, expires_ms: u64) -> Result<()> {
        let is_small = serde_json::to_string(entry).is_ok_and(|text| text.len() <= LARGEST_ENTRY_BYTES);
        if !is_small || expires_ms <= self.clock.now_ms() {
            return Ok(());
        }
        let change = Change {
            key: Key::Cache(tenant.clone(), key.to_owned()),
            expect: Expect::Anything,
            to: Becomes::Row(Row::Expiring { value: entry.clone(), expires_ms }),
            due_ms: None,
        };
        self.store.write(&[change]).await
    }
}
