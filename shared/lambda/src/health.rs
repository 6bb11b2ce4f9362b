//! Whether the deployment's parts answer: each is asked through what the functions use, all at once.

use std::pin::pin;

use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::Key;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, join_all, select};
use serde_json::{Map, Value, json};

use crate::Opened;

/// A part that has not answered by then does not.
const MOST_MS: u64 = 2_000;

type Check<'a> = (&'static str, BoxFuture<'a, Result<()>>);

/// Asks every part this function was told of, counts those that do not answer, and says which.
pub fn check_health(opened: &Opened) -> BoxFuture<'_, Result<Value>> {
    async move {
        let clock = &opened.ports.clock;
        let asked = checks(opened).into_iter().map(|(name, check)| async move {
            let (check, late) = (pin!(check), pin!(clock.sleep(MOST_MS)));
            let began_ms = clock.now_ms();
            let answered = match select(check, late).await {
                Either::Left((answered, _)) => answered,
                Either::Right(_) => Err(Error::new(ErrorKind::Timeout, format!("no answer in {MOST_MS} ms"))),
            };
            (name, answered, clock.now_ms().saturating_sub(began_ms))
        });
        let mut parts = Map::new();
        let mut failing = 0;
        for (name, answered, took_ms) in join_all(asked).await {
            let part = match answered {
                Ok(()) => json!({ "status": "pass", "took_ms": took_ms }),
                Err(error) => {
                    failing += 1;
                    tracing::error!(%error, causes = error.causes(), part = name, "a part of the deployment does not answer");
                    json!({ "status": "fail", "took_ms": took_ms, "output": error.to_string() })
                }
            };
            parts.insert(name.to_owned(), part);
        }
        opened.ports.metrics.count("health_checks_failing", failing);
        Ok(json!({ "status": if failing == 0 { "pass" } else { "fail" }, "checks": parts }))
    }
    .boxed()
}

fn checks(opened: &Opened) -> Vec<Check<'_>> {
    let (ports, cloud, clock) = (&opened.ports, &opened.reached.cloud, opened.ports.clock.as_ref());
    let mut checks: Vec<Check<'_>> = vec![(
        "table",
        async {
            let row = Key::Settings(TenantId::new("health"));
            ports.store.read(&[row]).await.map(|_| ())
        }
        .boxed(),
    )];
    if !cloud.queues.is_empty() {
        let queues = async {
            for url in opened.reached.sqs.urls() {
                opened.reached.sqs.waiting(url).await?;
            }
            Ok(())
        };
        checks.push(("queues", queues.boxed()));
    }
    if let Some(arn) = cloud.state_machine.clone() {
        let machine = aws::StepFunctions::new(&opened.reached.connection, Some(arn));
        let workflow = async move {
            if machine.is_active().await? {
                return Ok(());
            }
            Err(Error::new(ErrorKind::Configuration, "the state machine takes no executions"))
        };
        checks.push(("workflow", workflow.boxed()));
    }
    if let Some(name) = &cloud.bucket {
        let bucket = async move {
            aws::S3::new(&opened.reached.connection, name, ports.clock.clone())?.is_there().await
        };
        checks.push(("bucket", bucket.boxed()));
    }
    if let Some(id) = &cloud.secret {
        checks.push(("secret", aws::secrets::is_there(&opened.reached.connection, clock, id).boxed()));
    }
    if let Some(url) = &cloud.redis {
        checks.push(("redis", aws::redis::ping(&url.0, MOST_MS).boxed()));
    }
    checks
}
