//! Until when an answer must have begun.

use std::time::Duration;

use engine::ports::LlmError;
use tokio::time::Instant;

use super::failure;

/// The moment by which the first bytes of an answer must be here, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begins {
    by: Option<(Instant, u64)>,
}

impl Begins {
    /// So many milliseconds from now.
    pub(crate) fn within(within_ms: u64) -> Self {
        Self { by: Some((Instant::now() + Duration::from_millis(within_ms), within_ms)) }
    }

    /// Whenever the whole answer comes: only the call's own time bounds it.
    pub(crate) fn with_the_whole() -> Self {
        Self { by: None }
    }

    /// What `part` of an answer's beginning comes to; an error where the server was silent for all of the time.
    pub(crate) async fn or_silent<T>(self, part: impl Future<Output = T>) -> Result<T, LlmError> {
        match self.by {
            Some((by, within_ms)) => {
                tokio::time::timeout_at(by, part).await.map_err(|_| failure::silent(within_ms))
            }
            None => Ok(part.await),
        }
    }
}
