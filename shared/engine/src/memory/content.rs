//! Content in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ContentRef, TenantId};
use crate::ports::ContentStore;

/// Content in memory, by digest.
#[derive(Debug, Default)]
pub struct MemoryContent(Mutex<BTreeMap<(TenantId, ContentRef), Vec<u8>>>);

#[async_trait]
impl ContentStore for MemoryContent {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef> {
        let content = ContentRef::new(blake3::hash(bytes).to_hex().as_str());
        lock(&self.0).insert((tenant.clone(), content.clone()), bytes.to_vec());
        Ok(content)
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>> {
        lock(&self.0)
            .get(&(tenant.clone(), content.clone()))
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no content {content}")))
    }
}
