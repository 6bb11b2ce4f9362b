//! A clock that stands in a key of a Valkey of its own and moves only when somebody sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use engine::ports::Clock;

use crate::stack::Valkey;

const START_MS: u64 = 1_790_000_000_000;

pub(crate) struct KeptClock {
    pub(crate) valkey: Valkey,
    now_ms: AtomicU64,
}

impl KeptClock {
    /// What tells it in a script.
    pub(crate) const SCRIPT: &str = "local function now_ms() return tonumber(redis.call('GET', 'clock')) end";
    /// The key it stands in.
    pub(crate) const KEY: &str = "clock";

    /// A clock in a Valkey started with these arguments more.
    pub(crate) fn new(more: &[&str]) -> Arc<Self> {
        let clock = Self { valkey: Valkey::start(more).unwrap(), now_ms: AtomicU64::new(START_MS) };
        clock.set(START_MS);
        Arc::new(clock)
    }

    pub(crate) fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
        assert_eq!(self.valkey.say(&format!("SET {} {now_ms}", Self::KEY)).unwrap(), "+OK");
    }
}

#[async_trait]
impl Clock for KeptClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    async fn sleep(&self, milliseconds: u64) {
        self.set(self.now_ms() + milliseconds);
    }
}

/// Runs work on a runtime of its own.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
