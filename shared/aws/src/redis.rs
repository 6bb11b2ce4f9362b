//! Redis, asked whether it is there. What the platform keeps in it comes with the cache and the limits.

use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};

/// Connects and sends `PING`; a server in cluster mode is asked as well whether it hears every primary. Kind `Configuration` for
/// an address that is none, `Storage` where nobody answers in time, or some slots have nobody who answers.
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
    let mut commands = redis::pipe();
    commands.cmd("PING").cmd("INFO").arg("cluster");
    let (answer, mode): (String, String) = commands.query_async(&mut connection).await.map_err(silent)?;
    if answer != "PONG" {
        return Err(Error::new(ErrorKind::Storage, "Redis answered something else than PONG"));
    }
    if mode.lines().any(|line| line == "cluster_enabled:1") {
        // Whoever may not ask this is not told.
        let told: String =
            redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.unwrap_or_default();
        let fails = |line: &str| {
            let failed = line.strip_prefix("cluster_slots_fail:").is_some_and(|slots| slots != "0");
            failed || line == "cluster_state:fail"
        };
        if told.lines().any(fails) {
            return Err(Error::new(ErrorKind::Storage, "slots of Redis have no primary that answers"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_does_not_answer_is_no_redis_and_no_password_is_told() {
        // Takes connections and hangs up, so that TLS is set up and fails.
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || listener.incoming().for_each(drop));
        let check = async |url: String, expected: ErrorKind| {
            let error = ping(&url, 500).await.unwrap_err();
            assert_eq!(error.kind(), expected, "{url}");
            assert!(!format!("{error} {}", error.causes()).contains("hidden"), "{url}: {}", error.causes());
        };
        check(format!("redis://:hidden@127.0.0.1:{port}"), ErrorKind::Storage).await;
        check(format!("rediss://:hidden@127.0.0.1:{port}"), ErrorKind::Storage).await;
        check("redis://:hidden@127.0.0.1:1".to_owned(), ErrorKind::Storage).await;
        check("http://:hidden@127.0.0.1".to_owned(), ErrorKind::Configuration).await;
    }
}
