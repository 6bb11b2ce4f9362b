//! Rates in memory: the windows of one process.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::Result;
use crate::limits::{Book, Rates};
use crate::ports::{Admission, Backend, Clock, Limits, Take, Used};

/// Rates kept in this process.
pub struct MemoryLimits {
    clock: Arc<dyn Clock>,
    rates: Rates,
    book: Mutex<Book>,
}

impl MemoryLimits {
    /// A limiter of so many calls a minute for each tenant and each provider; 0 is 1.
    pub fn new(clock: Arc<dyn Clock>, per_tenant: usize, per_provider: usize) -> Self {
        let rates = Rates::requests_per_minute(per_tenant.max(1) as u64, per_provider.max(1) as u64);
        Self::with(clock, rates.unwrap_or_default())
    }

    /// A limiter of these rates.
    pub fn with(clock: Arc<dyn Clock>, rates: Rates) -> Self {
        Self { clock, rates, book: Mutex::default() }
    }

    /// What is kept now.
    pub fn book(&self) -> Book {
        lock(&self.book).clone()
    }
}

#[async_trait]
impl Limits for MemoryLimits {
    async fn take(&self, take: &Take) -> Result<Admission> {
        let weights = self.rates.weights(take)?;
        Ok(lock(&self.book).take(Some(&take.id), &weights, self.clock.now_ms(), Backend::Memory))
    }

    async fn settle(&self, take: &Take, used: &Used) -> Result<()> {
        lock(&self.book).settle(&take.id, Some(used), self.clock.now_ms());
        Ok(())
    }

    async fn refund(&self, take: &Take) -> Result<()> {
        lock(&self.book).settle(&take.id, None, self.clock.now_ms());
        Ok(())
    }

    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission> {
        let weights = self.rates.key_weights(key, tokens)?;
        Ok(lock(&self.book).take(None, &weights, self.clock.now_ms(), Backend::Memory))
    }
}
