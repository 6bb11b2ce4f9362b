//! A limiter that refuses one agent.

use std::sync::{Mutex, PoisonError};

use engine::error::Result;
use engine::ports::{Admission, Backend, Limits, Take, Used};

/// Refuses one agent so many times, for a second each.
pub(super) struct Refusing {
    agent: &'static str,
    left: Mutex<u32>,
}

impl Refusing {
    pub(super) fn new(agent: &'static str, times: u32) -> Self {
        Self { agent, left: Mutex::new(times) }
    }
}

#[async_trait::async_trait]
impl Limits for Refusing {
    async fn take(&self, take: &Take) -> Result<Admission> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if take.agent.as_str() == self.agent && *left > 0 {
            *left -= 1;
            return Ok(Admission::refused(1_000, Backend::Memory));
        }
        Ok(Admission::free(Backend::Memory))
    }

    async fn settle(&self, _: &Take, _: &Used) -> Result<()> {
        Ok(())
    }

    async fn refund(&self, _: &Take) -> Result<()> {
        Ok(())
    }

    async fn allow(&self, _: &str, _: u64) -> Result<Admission> {
        Ok(Admission::free(Backend::Memory))
    }
}
