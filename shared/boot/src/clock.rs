//! The machine's own time and randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Clock, Random};

/// The system's clock, with tokio's timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    async fn sleep(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// Random bytes for secrets, from the operating system. Kind `Internal` where it has none: no secret is made of less.
pub fn secret_bytes() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(ErrorKind::Internal, "the system gives no randomness to make a secret of")
            .with("cause", error)
    })?;
    Ok(bytes)
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn next_u64(&self) -> u64 {
        // A system without randomness still has time; ids stay unique by it, and jitter needs no more.
        getrandom::u64().unwrap_or_else(|_| SystemClock.now_ms().wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}
