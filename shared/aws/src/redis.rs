//! Redis, asked whether it is there. What the platform keeps in it comes with the cache and the limits.

use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};

/// Connects and sends `PING`. Kind `Configuration` for an address that is none, `Storage` where nobody answers in time.
pub async fn ping(url: &str, timeout_ms: u64) -> Result<()> {
    // The address may hold a password, so no error tells it.
    let client = redis::Client::open(url)
        .map_err(|_| Error::new(ErrorKind::Configuration, "RATE_LIMIT_REDIS_URL is no address of a Redis"))?;
    let timeout = Duration::from_millis(timeout_ms);
    let settings = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    let silent = |error| Error::new(ErrorKind::Storage, "Redis did not answer").because(error);
    let mut connection =
        client.get_multiplexed_async_connection_with_config(&settings).await.map_err(silent)?;
    let answer: String = redis::cmd("PING").query_async(&mut connection).await.map_err(silent)?;
    if answer == "PONG" {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Storage, "Redis answered something else than PONG"))
}
