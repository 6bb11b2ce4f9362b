//! Whether the deployment works, on a schedule: the engine's checks through what the functions use, and that the parts they
//! do not reach answer.

use engine::error::Result;
use engine::health::{Report, Status, history, probe, within};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join, join_all};
use serde_json::{Map, Value, json};

use crate::Opened;

/// What has not answered by then does not answer. More than the engine's own limit: on the smallest function a first
/// handshake alone takes longer.
pub const CHECK_MS: u64 = 2_000;

type Check<'a> = (&'static str, BoxFuture<'a, Result<()>>);

/// Tries every component and asks every part, records what the components did, counts what fails, and says which.
pub fn check_health(opened: &Opened) -> BoxFuture<'_, Result<Value>> {
    async move {
        let ports = &opened.ports;
        let (readings, parts) = join(probe(ports, CHECK_MS), ask(opened)).await;
        let recorded = within(ports, CHECK_MS, history::record(ports, &readings)).await;
        if let Err(error) = &recorded {
            tracing::error!(%error, causes = error.causes(), "what the checks found could not be recorded");
        }
        let report = Report::new(readings, recorded.ok().as_ref(), ports.clock.now_ms());
        let silent = parts.values().filter(|part| part["status"] == "fail").count();
        let failing = report.failing() + silent;
        ports.metrics.count("health_checks_failing", failing as u64);
        let status = if failing > 0 { Status::Fail } else { report.status() };
        Ok(json!({ "status": status, "components": api::health_json(&report), "parts": parts }))
    }
    .boxed()
}

async fn ask(opened: &Opened) -> Map<String, Value> {
    let clock = &opened.ports.clock;
    let asked = parts(opened).into_iter().map(|(name, check)| async move {
        let began_ms = clock.now_ms();
        let answered = within(&opened.ports, CHECK_MS, check).await;
        let took_ms = clock.now_ms().saturating_sub(began_ms);
        let part = match answered {
            Ok(()) => json!({ "status": "pass", "took_ms": took_ms }),
            Err(error) => {
                tracing::error!(%error, causes = error.causes(), part = name, "a part of the deployment does not answer");
                json!({ "status": "fail", "took_ms": took_ms, "output": error.to_string() })
            }
        };
        (name.to_owned(), part)
    });
    join_all(asked).await.into_iter().collect()
}

/// The parts that no component fails without: none reads the secret, and rates are taken without Redis, with a warning only.
fn parts(opened: &Opened) -> Vec<Check<'_>> {
    let cloud = &opened.reached.cloud;
    let mut parts: Vec<Check<'_>> = Vec::new();
    if cloud.secret.is_some() {
        // It was read when the ports were opened, which is each few minutes anew.
        parts.push(("secret", async { opened.secret_lost.clone().map_or(Ok(()), Err) }.boxed()));
    }
    if let Some(url) = &cloud.redis {
        parts.push(("redis", aws::redis::ping(&url.0, CHECK_MS).boxed()));
    }
    parts
}
