//! Functions that take a queue's messages: each message is handled, kept invisible meanwhile, and acknowledged by itself.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::Message;
use futures::future::{BoxFuture, Either, join_all, select};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::Deserialize;

use crate::parts::Recipe;
use crate::{Failure, Opened, Platform, entry};

/// A message in hand is invisible for so long, and for so long again each time it is renewed. Not less than a lease.
const INVISIBLE_S: u16 = 60;
const RENEW_MS: u64 = 15_000;
/// Work is given up so long before the function would be, so that nothing is left running.
const SPARE_MS: u64 = 2_000;
/// A failed message comes back after so many seconds, doubled with each time it failed: a service may be away for a minute
/// before messages end as dead letters.
const FIRST_RETRY_S: u16 = 4;

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
                let opened = platform.open().await?;
                let failed = batch(&opened, handle, event.payload, &event.context).await;
                opened.metrics.flush(opened.ports.clock.now_ms());
                let mut response = SqsBatchResponse::default();
                response.batch_item_failures = failed;
                Ok::<_, Failure>(response)
            }
        }))
        .await
    })
}

async fn batch(opened: &Opened, handle: Handle, event: SqsEvent, context: &Context) -> Vec<BatchItemFailure> {
    let handled = event.records.into_iter().map(|record| async move {
        let id = record.message_id.clone().unwrap_or_default();
        match one(opened, handle, record, context).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(%error, causes = error.causes(), message = id, "a message failed and comes back");
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                Some(failure)
            }
        }
    });
    join_all(handled).await.into_iter().flatten().collect()
}

async fn one(opened: &Opened, handle: Handle, record: SqsMessage, context: &Context) -> Result<()> {
    let body = record.body.unwrap_or_default();
    let received = Received { message: read(&body), body };
    let queue = record.event_source_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
    let url = queue.and_then(|name| opened.sqs.url_of_name(name));
    let hold = url.zip(record.receipt_handle.as_deref());
    let handled = within(opened, handle, &received, context, hold).await;
    if let (Err(_), Some((url, receipt))) = (&handled, hold) {
        let count: u32 = record
            .attributes
            .get("ApproximateReceiveCount")
            .and_then(|count| count.parse().ok())
            .unwrap_or(1);
        let seconds = (FIRST_RETRY_S << count.saturating_sub(1).min(5)).min(INVISIBLE_S);
        if let Err(error) = opened.sqs.come_back_in(url, receipt, seconds).await {
            tracing::debug!(%error, "the message comes back when it becomes visible by itself");
        }
    }
    handled
}

/// Handles it while it is kept invisible, and gives up before the function would be ended.
async fn within(
    opened: &Opened,
    handle: Handle,
    received: &Received,
    context: &Context,
    hold: Option<(&str, &str)>,
) -> Result<()> {
    let clock = &opened.ports.clock;
    let work = handle(opened, received);
    let kept = pin!(async {
        let Some((url, receipt)) = hold else { return futures::future::pending::<()>().await };
        loop {
            if let Err(error) = opened.sqs.come_back_in(url, receipt, INVISIBLE_S).await {
                tracing::debug!(%error, "a message's visibility was not renewed");
            }
            clock.sleep(RENEW_MS).await;
        }
    });
    let left_ms = context.deadline.saturating_sub(clock.now_ms()).saturating_sub(SPARE_MS);
    let late = pin!(clock.sleep(left_ms));
    // In this order, so that the message is held before anything is done for it.
    match select(select(kept, late), work).await {
        Either::Right((handled, _)) => handled,
        Either::Left(_) => {
            Err(Error::new(ErrorKind::Timeout, "given up before the function's time was over"))
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
