//! A request rate in memory, exact in any window: it keeps the time of every admission still in the window.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::Result;
use crate::ports::{Admission, Clock, Limits, Take};

const WINDOW_MS: u64 = 60_000;

/// Requests per minute, per tenant and per provider.
pub struct MemoryLimits {
    clock: Arc<dyn Clock>,
    per_tenant: usize,
    per_provider: usize,
    admitted: Mutex<BTreeMap<String, VecDeque<u64>>>,
}

impl MemoryLimits {
    /// A limiter that admits at most so many calls in any minute.
    pub fn new(clock: Arc<dyn Clock>, per_tenant: usize, per_provider: usize) -> Self {
        Self { clock, per_tenant, per_provider, admitted: Mutex::default() }
    }
}

#[async_trait]
impl Limits for MemoryLimits {
    async fn take(&self, take: &Take) -> Result<Admission> {
        let now = self.clock.now_ms();
        let rates = [
            (format!("tenant/{}", take.tenant), self.per_tenant),
            (format!("provider/{}", take.provider), self.per_provider),
        ];
        let mut admitted = lock(&self.admitted);
        let mut wait_ms = 0;
        for (name, limit) in &rates {
            let times = admitted.entry(name.clone()).or_default();
            while times.front().is_some_and(|at| at + WINDOW_MS <= now) {
                times.pop_front();
            }
            if times.len() >= *limit {
                let frees_at = times.get(times.len() - limit).copied().unwrap_or(now) + WINDOW_MS;
                wait_ms = wait_ms.max(frees_at.saturating_sub(now).max(1));
            }
        }
        if wait_ms > 0 {
            return Ok(Admission::RetryAfter(wait_ms));
        }
        for (name, _) in rates {
            admitted.entry(name).or_default().push_back(now);
        }
        Ok(Admission::Admitted)
    }
}
