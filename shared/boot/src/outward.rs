//! Ports whose calls leave the process. Each call waits until what led to it is on the disk: a process that dies after a
//! paid call or a post has left the rows that tell of it.

use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::Result;
use engine::ports::{Bill, Delivery, Llm, LlmError, ModelReply, ModelRequest, Post};

use crate::owned::{Disk, Owned};

/// What a call must wait for before it leaves the process.
#[async_trait]
pub trait Settle: Send + Sync {
    /// Waits until everything written so far is on the disk; kind `Storage` if it cannot be brought there.
    async fn settled(&self) -> Result<()>;
}

#[async_trait]
impl<D: Disk> Settle for Owned<D> {
    async fn settled(&self) -> Result<()> {
        Owned::settled(self).await
    }
}

/// A port behind the disk.
pub struct Outward<P: ?Sized> {
    port: Arc<P>,
    rows: Arc<dyn Settle>,
}

impl<P: ?Sized> Outward<P> {
    /// Calls of `port` wait for `rows`.
    pub fn new(port: Arc<P>, rows: Arc<dyn Settle>) -> Self {
        Self { port, rows }
    }
}

#[async_trait]
impl Llm for Outward<dyn Llm> {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.port.candidates(tier)
    }

    fn learns(&self, tier: Tier) -> bool {
        self.port.learns(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> std::result::Result<ModelReply, LlmError> {
        self.rows.settled().await.map_err(|error| LlmError { error, bill: Bill::Nothing })?;
        self.port.complete(request).await
    }

    async fn reachable(&self) -> Result<Option<Vec<String>>> {
        self.port.reachable().await
    }
}

#[async_trait]
impl Delivery for Outward<dyn Delivery> {
    fn channel(&self) -> &str {
        self.port.channel()
    }

    async fn post(&self, post: &Post) -> Result<String> {
        self.rows.settled().await?;
        self.port.post(post).await
    }
}
