//! Task tokens: handed out by a walk, answered from outside, at most once.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use engine::model::Token;
use engine::ports::Random;
use futures::channel::oneshot;
use serde_json::Value;

use super::failure::Failure;

type Waiting = Mutex<BTreeMap<Token, oneshot::Sender<Result<Value, Failure>>>>;

/// The tokens that somebody waits for.
#[derive(Debug, Default)]
pub struct Tokens {
    waiting: Arc<Waiting>,
}

impl Tokens {
    /// Makes a token of 256 random bits and what waits for its answer.
    pub fn open(&self, random: &dyn Random) -> (Token, Answer) {
        let bits = [random.next_u64(), random.next_u64(), random.next_u64(), random.next_u64()];
        let token = Token::new(bits.map(|bits| format!("{bits:016x}")).concat());
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).insert(token.clone(), sender);
        let answer = Answer { token: token.clone(), receiver, waiting: Arc::downgrade(&self.waiting) };
        (token, answer)
    }

    /// Answers a token. False if nobody waits for it: it is unknown, late, or was answered before.
    pub fn answer(&self, token: &Token, result: Result<Value, Failure>) -> bool {
        let sender = lock(&self.waiting).remove(token);
        sender.is_some_and(|sender| sender.send(result).is_ok())
    }

    /// How many tokens are waited for.
    pub fn len(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// True if no token is waited for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The answer to a token, when it comes. Dropping it withdraws the token.
#[derive(Debug)]
pub struct Answer {
    token: Token,
    receiver: oneshot::Receiver<Result<Value, Failure>>,
    waiting: Weak<Waiting>,
}

impl Future for Answer {
    type Output = Result<Value, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(Pin::new(&mut self.receiver).poll(context)) {
            Ok(result) => Poll::Ready(result),
            // The tokens are gone, so no answer can come: only the task's timeout ends the wait.
            Err(oneshot::Canceled) => Poll::Pending,
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.upgrade() {
            lock(&waiting).remove(&self.token);
        }
    }
}

/// The lock, whatever happened to its last owner: every holder leaves the map whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
