//! Functions that take a queue's messages: each message is handled, kept invisible meanwhile, and acknowledged by itself.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::Message;
use futures::future::{BoxFuture, Either, join_all, select};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;

use crate::parts::Recipe;
use crate::platform::Reached;
use crate::{Failure, Opened, Platform, entry};

/// A message in hand is invisible for so long, and for so long again each time it is renewed. Not less than a lease.
pub const INVISIBLE_S: u16 = 60;
/// How often that is renewed.
pub const RENEW_MS: u64 = 15_000;
/// Work is given up so long before the function would be, so that nothing is left running.
pub const SPARE_MS: u64 = 2_000;
/// A failed message comes back after so many seconds, doubled with each time it failed: a service may be away for a minute
/// before messages end as dead letters.
pub const FIRST_RETRY_S: u16 = 4;

/// Does what a message asks for.
pub(crate) type Handle = for<'a> fn(&'a Opened, &'a Received) -> BoxFuture<'a, Result<()>>;

/// What was on the queue.
pub struct Received {
    message: Option<Message>,
    /// The text it was read from.
    pub(crate) body: String,
}

impl Received {
    /// The message. Kind `InvalidInput` if the text is none.
    pub fn message(&self) -> Result<&Message> {
        self.message
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "this is no message of the platform"))
    }
}

/// Handles the messages of a queue's batches with `handle`. Messages that failed come back by themselves.
pub fn messages(recipe: Recipe, handle: Handle) -> ExitCode {
    entry::run(|| async {
        let platform = Arc::new(Platform::new(recipe));
        lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
            let platform = platform.clone();
            async move {
                let reached = platform.reach().await?.clone();
                let taken =
                    Taken { platform: &platform, reached: &reached, deadline_ms: event.context.deadline };
                let mut response = SqsBatchResponse::default();
                response.batch_item_failures = taken.batch(handle, event.payload).await;
                reached.metrics.flush(reached.clock.now_ms()).await;
                Ok::<_, Failure>(response)
            }
        }))
        .await
    })
}

/// A batch in hand.
struct Taken<'a> {
    platform: &'a Platform,
    reached: &'a Reached,
    deadline_ms: u64,
}

/// A message as its queue knows it: the queue's address, the receipt.
type Hold<'a> = Option<(&'a str, &'a str)>;

impl Taken<'_> {
    async fn batch(&self, handle: Handle, event: SqsEvent) -> Vec<BatchItemFailure> {
        let handled = event.records.into_iter().map(|record| async move {
            let id = record.message_id.clone().unwrap_or_default();
            let error = self.one(handle, record).await.err()?;
            tracing::warn!(%error, causes = error.causes(), message = id, "a message failed and comes back");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            Some(failure)
        });
        join_all(handled).await.into_iter().flatten().collect()
    }

    async fn one(&self, handle: Handle, record: SqsMessage) -> Result<()> {
        let body = record.body.unwrap_or_default();
        let received = Received { message: read(&body), body };
        let sqs = &self.reached.sqs;
        let queue = record.event_source_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
        let hold = queue.and_then(|name| sqs.url_of_name(name)).zip(record.receipt_handle.as_deref());
        let handled = self.within(handle, &received, hold).await;
        if let (Err(_), Some((url, receipt))) = (&handled, hold) {
            let count = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
            let seconds = FIRST_RETRY_S << count.unwrap_or(1u32).saturating_sub(1).min(5);
            if let Err(error) = sqs.come_back_in(url, receipt, seconds.min(INVISIBLE_S)).await {
                tracing::debug!(%error, "the message comes back when it becomes visible by itself");
            }
        }
        handled
    }

    /// Holds the message, then handles it while it is held, and gives up before the function would be ended.
    async fn within(&self, handle: Handle, received: &Received, hold: Hold<'_>) -> Result<()> {
        let clock = &self.reached.clock;
        // Before anything that may fail: the queue's own time is half an hour.
        self.hold(hold).await;
        let left_ms = self.deadline_ms.saturating_sub(clock.now_ms()).saturating_sub(SPARE_MS);
        let work = pin!(async {
            let opened = self.platform.open().await?;
            handle(&opened, received).await
        });
        let kept = pin!(async {
            loop {
                clock.sleep(RENEW_MS).await;
                self.hold(hold).await;
            }
        });
        let late = pin!(clock.sleep(left_ms));
        match select(work, select(kept, late)).await {
            Either::Left((handled, _)) => handled,
            Either::Right((Either::Left((never, _)), _)) => never,
            Either::Right((Either::Right(_), _)) => {
                Err(Error::new(ErrorKind::Timeout, "given up before the function's time was over"))
            }
        }
    }

    async fn hold(&self, hold: Hold<'_>) {
        let Some((url, receipt)) = hold else { return };
        if let Err(error) = self.reached.sqs.come_back_in(url, receipt, INVISIBLE_S).await {
            tracing::warn!(%error, causes = error.causes(), "a message's visibility was not renewed");
        }
    }
}

/// A message of the platform, or an event that says how an execution ended.
fn read(body: &str) -> Option<Message> {
    match serde_json::from_str::<Ended>(body) {
        Ok(ended) if ended.detail_type == "Step Functions Execution Status Change" => {
            let Input { run } = serde_json::from_str(&ended.detail.input).ok()?;
            Some(Message::Finish { run, cause: Some(ended.detail.status) })
        }
        _ => serde_json::from_str(body).ok(),
    }
}

#[derive(Deserialize)]
struct Ended {
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    status: String,
    input: String,
}

#[derive(Deserialize)]
struct Input {
    #[serde(flatten)]
    run: engine::model::RunKey,
}

#[cfg(test)]
mod tests {
    use engine::model::{RunId, RunKey, TenantId};
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_and_ends_of_executions_are_told_apart() {
        let run = RunKey { tenant: TenantId::new("acme"), run: RunId::new("01RUN") };
        let finish =
            |cause: Option<&str>| Message::Finish { run: run.clone(), cause: cause.map(str::to_owned) };
        let event = json!({
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "detail": { "status": "TIMED_OUT", "input": json!({ "run": "01RUN", "tenant": "acme", "depth": "quick" }).to_string() },
        });
        assert_eq!(read(&event.to_string()).unwrap(), finish(Some("TIMED_OUT")));
        let plain = json!({ "kind": "finish", "run": "01RUN", "tenant": "acme" });
        assert_eq!(read(&plain.to_string()).unwrap(), finish(None));
        for poison in
            ["", "{", "null", "{\"kind\":\"step\"}", "{\"kind\":\"other\",\"run\":\"a\",\"tenant\":\"b\"}"]
        {
            assert_eq!(read(poison), None, "{poison}");
        }
    }
}
