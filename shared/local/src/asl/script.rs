//! Services whose answers are written beforehand.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use engine::model::Token;
use engine::ports::{Clock, Random};
use futures::future::{BoxFuture, Either, FutureExt, select};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};

use super::failure::Failure;
use super::host::{Execution, Host, Observer, Services};
use super::machine::Machine;
use super::token::{Answer, Tokens};
use super::walk::{Ended, execute};

/// What becomes of a message.
pub(super) enum Sent {
    /// It cannot be sent.
    Refused(Failure),
    /// It was sent, and nobody reports.
    Taken,
    /// It was sent, and its `task_token` is answered after that long.
    Answered { after_ms: u64, result: Result<Value, Failure> },
}

/// Decides over messages: queue URL, body, group.
pub(super) type OnSend<'a> = dyn Fn(&str, &Value, Option<&str>) -> Sent + Send + Sync + 'a;

/// Walks a machine whose messages meet with what `on_send` says.
pub(super) async fn walk_script(
    machine: &Machine,
    execution: &Execution,
    (clock, random): (&dyn Clock, &dyn Random),
    observer: &dyn Observer,
    on_send: &OnSend<'_>,
) -> Ended {
    let tokens = Tokens::default();
    let script = Script { clock, random, tokens: &tokens, on_send, due: Mutex::default() };
    let walk = execute(Host { services: &script, clock, random, observer }, machine, execution);
    // The walk is polled first, so that what it sends in a poll is waited for from the same poll on.
    let report = poll_fn(|context| {
        while let Poll::Ready(Some(())) = lock(&script.due).poll_next_unpin(context) {}
        Poll::<Ended>::Pending
    });
    match select(Box::pin(walk), report).await {
        Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
    }
}

struct Script<'a> {
    clock: &'a dyn Clock,
    random: &'a dyn Random,
    tokens: &'a Tokens,
    on_send: &'a OnSend<'a>,
    due: Mutex<FuturesUnordered<BoxFuture<'a, ()>>>,
}

#[async_trait]
impl Services for Script<'_> {
    async fn send_message(
        &self,
        queue_url: &str,
        body: &Value,
        group: Option<&str>,
    ) -> Result<Value, Failure> {
        match (self.on_send)(queue_url, body, group) {
            Sent::Refused(failure) => return Err(failure),
            Sent::Taken => {}
            Sent::Answered { after_ms, result } => {
                let token = Token::new(body.get("task_token").and_then(Value::as_str).unwrap_or_default());
                let (clock, tokens) = (self.clock, self.tokens);
                let report = async move {
                    clock.sleep(after_ms).await;
                    tokens.answer(&token, result);
                };
                lock(&self.due).push(report.boxed());
            }
        }
        Ok(json!({}))
    }

    fn new_token(&self) -> (Token, Answer) {
        self.tokens.open(self.random)
    }
}

/// The lock, whatever happened to its last owner.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
