//! The ports of a site's functions, closed where something is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::model::{ContentRef, RunKey, TenantId, Token};
use engine::ports::{
    Bill, Change, ContentStore, Delivery, Key, Llm, LlmError, Message, ModelReply, ModelRequest, Page, Post,
    Queue, Queues, Range, Store, Versioned, Workflow,
};
use serde_json::Value;

use super::cause::{Cause, Causes};

/// How long the table takes when it is slow.
const SLOW_MS: u64 = 3_000;

/// A port that a function uses.
pub(super) struct Gate<T: ?Sized> {
    pub(super) causes: Arc<Causes>,
    pub(super) function: &'static str,
    pub(super) turn: Arc<AtomicU64>,
    pub(super) inner: Arc<T>,
}

fn away(what: &str) -> Error {
    Error::new(ErrorKind::Storage, format!("simulated: {what}"))
}

impl<T: ?Sized> Gate<T> {
    /// Nine of ten.
    fn mostly(&self) -> bool {
        !self.turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(10)
    }

    async fn table(&self) -> Result<()> {
        if self.causes.are(Cause::TableSlow) {
            self.causes.clock.sleep(SLOW_MS).await;
        }
        if self.causes.are(Cause::TableDown)
            || self.causes.are(Cause::TableDenied(self.function))
            || self.causes.are(Cause::TableThrottled) && self.mostly()
        {
            return Err(away("the table answers with an error"));
        }
        Ok(())
    }

    fn bucket(&self) -> Result<()> {
        if self.causes.are(Cause::BucketDenied) {
            return Err(Error::new(ErrorKind::Configuration, "simulated: the bucket is closed"));
        }
        Ok(())
    }

    fn machine(&self) -> Result<()> {
        if self.causes.are(Cause::MachineGone) { Err(away("there is no state machine")) } else { Ok(()) }
    }

    fn queue(&self, queue: Queue) -> Result<()> {
        if self.causes.are(Cause::QueueGone(queue)) || self.causes.are(Cause::SendDenied(queue)) {
            return Err(away("the queue cannot be sent to"));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Gate<dyn Store> {
    fn forgets(&self) -> bool {
        // As the table on AWS does.
        true
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.table().await?;
        self.inner.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        self.table().await?;
        if self.causes.are(Cause::TableReadOnly) {
            return Err(away("the table takes no writes"));
        }
        self.inner.write(changes).await
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.table().await?;
        self.inner.list(range, from, limit).await
    }
}

#[async_trait]
impl ContentStore for Gate<dyn ContentStore> {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef> {
        self.bucket()?;
        self.inner.put(tenant, bytes).await
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>> {
        self.bucket()?;
        self.inner.get(tenant, content).await
    }
}

#[async_trait]
impl Delivery for Gate<dyn Delivery> {
    fn channel(&self) -> &str {
        self.inner.channel()
    }

    async fn post(&self, post: &Post) -> Result<String> {
        self.bucket()?;
        self.inner.post(post).await
    }
}

#[async_trait]
impl Queues for Gate<dyn Queues> {
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()> {
        self.queue(queue)?;
        self.inner.send(queue, message, delay_ms).await
    }

    async fn depth(&self, queue: Queue) -> Result<Option<u64>> {
        if self.causes.are(Cause::QueueGone(queue)) {
            return Err(away("there is no such queue"));
        }
        self.inner.depth(queue).await
    }
}

#[async_trait]
impl Workflow for Gate<dyn Workflow> {
    async fn start(&self, run: &RunKey, input: Value) -> Result<()> {
        self.machine()?;
        self.inner.start(run, input).await
    }

    async fn succeed(&self, token: &Token, output: Value) -> Result<()> {
        match () {
            () if self.causes.are(Cause::ReportsLost) => Ok(()),
            () if self.causes.are(Cause::ReportsDenied) => Err(away("a report is refused")),
            () => self.inner.succeed(token, output).await,
        }
    }

    async fn fail(&self, token: &Token, error: &str, cause: &str) -> Result<()> {
        match () {
            () if self.causes.are(Cause::ReportsLost) => Ok(()),
            () if self.causes.are(Cause::ReportsDenied) => Err(away("a report is refused")),
            () => self.inner.fail(token, error, cause).await,
        }
    }

    async fn stop(&self, run: &RunKey, cause: &str) -> Result<()> {
        self.machine()?;
        self.inner.stop(run, cause).await
    }

    async fn ready(&self) -> Result<Option<bool>> {
        self.machine()?;
        self.inner.ready().await
    }
}

/// What the scripted model has no fault for.
#[async_trait]
impl Llm for Gate<dyn Llm> {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.inner.candidates(tier)
    }

    fn learns(&self, tier: Tier) -> bool {
        self.inner.learns(tier)
    }

    async fn reachable(&self) -> Result<Option<Vec<String>>> {
        if self.causes.are(Cause::KeyWrong) {
            return Err(Error::new(ErrorKind::Configuration, "simulated: the key is wrong"));
        }
        if self.causes.are(Cause::ModelDown) {
            return Err(away("the provider does not answer"));
        }
        let served = Tier::ALL.iter().flat_map(|tier| self.inner.candidates(*tier));
        Ok(Some(served.map(|model| model.id.clone()).collect()))
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        if self.causes.are(Cause::KeyWrong) {
            let error = Error::new(ErrorKind::Configuration, "simulated: the key is wrong");
            return Err(LlmError { error, bill: Bill::Nothing });
        }
        if self.causes.are(Cause::ModelBusy) && self.mostly() {
            let error = Error::new(ErrorKind::RateLimited, "simulated: too many").retry_after(5_000);
            return Err(LlmError { error, bill: Bill::Nothing });
        }
        self.inner.complete(request).await
    }
}
