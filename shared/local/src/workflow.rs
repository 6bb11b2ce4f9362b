//! The workflow service of one process: the engine's port over the walker.
//!
//! Executions live in memory and are driven by whoever polls [`LocalWorkflow::run`]; no thread and no task is started
//! here. An execution that ends unhappily tells the deliveries queue, as the rule on execution status does on AWS; a
//! happy one has told it in its last state.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use engine::agent::Profile;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{RunKey, Token};
use engine::ports::{Clock, Message, Queue, Queues, Random, Workflow};
use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use futures::task::AtomicWaker;
use serde_json::{Value, json};

use crate::asl::{
    Answer, AslError, Ended, Execution, Failure, Host, Machine, Observer, PAYLOAD_BYTES, Services, Status,
    Tokens, execute_until, payload_bytes,
};

/// The workflow file of the platform.
pub const CONTENT_INTELLIGENCE: &str = include_str!("../../../infra/workflows/content-intelligence.asl.json");

/// Reads a workflow file whose queues are the platform's.
///
/// # Errors
/// As [`Machine::parse`].
pub fn machine(text: &str) -> std::result::Result<Machine, AslError> {
    let substitutions = QUEUES.iter().map(|(name, _)| (*name, (*name).to_owned())).collect();
    Machine::parse(text, &substitutions)
}

/// The placeholders of the workflow file, and the queues they stand for. In one process a queue's URL is its
/// placeholder's name.
const QUEUES: [(&str, Queue); 4] = [
    ("AgentLightQueueUrl", Queue::Agents(Profile::Light)),
    ("AgentToolsQueueUrl", Queue::Agents(Profile::Tools)),
    ("AgentSemanticQueueUrl", Queue::Agents(Profile::Semantic)),
    ("DeliveriesQueueUrl", Queue::Deliveries),
];

/// The wait before a `finish` that could not be sent is sent again: at first, and at most.
const RESEND_MS: (u64, u64) = (1_000, 60_000);

/// The workflow service. Clones are the same service.
#[derive(Clone)]
pub struct LocalWorkflow {
    service: Arc<Service>,
    running: Arc<Mutex<FuturesUnordered<BoxFuture<'static, ()>>>>,
}

/// What the workflow service is built on.
#[derive(Clone)]
pub struct WorkflowPorts {
    /// Where tasks send.
    pub queues: Arc<dyn Queues>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for tokens and jitter.
    pub random: Arc<dyn Random>,
    /// Who watches the walks; `Arc::new(())` for nobody.
    pub observer: Arc<dyn Observer>,
}

struct Service {
    machine: Machine,
    ports: WorkflowPorts,
    tokens: Tokens,
    book: Mutex<Book>,
    arrived: AtomicWaker,
}

/// Every execution there was, and those that nobody drives yet.
#[derive(Default)]
struct Book {
    /// What stops each, while it can be stopped.
    executions: BTreeMap<RunKey, Option<oneshot::Sender<String>>>,
    arrivals: Vec<Arrival>,
}

struct Arrival {
    run: RunKey,
    input: Value,
    stopped: oneshot::Receiver<String>,
}

impl LocalWorkflow {
    /// A workflow service for the platform's workflow file, which is part of the program.
    ///
    /// # Errors
    /// Kind `Configuration` if the file uses anything the walker does not implement.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, queues: Arc<dyn Queues>) -> Result<Self> {
        let machine = machine(CONTENT_INTELLIGENCE).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the workflow file cannot be walked").because(error)
        })?;
        Ok(Self::walking(machine, WorkflowPorts { queues, clock, random, observer: Arc::new(()) }))
    }

    /// A workflow service for any machine read by [`machine`].
    pub fn walking(machine: Machine, ports: WorkflowPorts) -> Self {
        let service = Service {
            machine,
            ports,
            tokens: Tokens::default(),
            book: Mutex::default(),
            arrived: AtomicWaker::new(),
        };
        Self { service: Arc::new(service), running: Arc::default() }
    }

    /// Drives all executions, those started later too; never ends. Dropped, it leaves them where they stand, and the
    /// next call goes on with them. One call at a time.
    pub async fn run(&self) {
        poll_fn(|context| self.drive(context)).await
    }

    /// How many executions have not ended.
    pub fn open(&self) -> usize {
        lock(&self.service.book).executions.values().filter(|stop| stop.is_some()).count()
    }

    fn drive(&self, context: &mut Context<'_>) -> Poll<()> {
        self.service.arrived.register(context.waker());
        let arrivals = std::mem::take(&mut lock(&self.service.book).arrivals);
        let mut running = lock(&self.running);
        running.extend(arrivals.into_iter().map(|arrival| live(self.service.clone(), arrival).boxed()));
        while let Poll::Ready(Some(())) = running.poll_next_unpin(context) {}
        Poll::Pending
    }
}

#[async_trait]
impl Workflow for LocalWorkflow {
    async fn start(&self, run: &RunKey, input: Value) -> Result<()> {
        let mut book = lock(&self.service.book);
        if book.executions.contains_key(run) {
            return Ok(());
        }
        let (stop, stopped) = oneshot::channel();
        book.executions.insert(run.clone(), Some(stop));
        book.arrivals.push(Arrival { run: run.clone(), input, stopped });
        drop(book);
        self.service.arrived.wake();
        Ok(())
    }

    async fn succeed(&self, token: &Token, output: Value) -> Result<()> {
        let bytes = payload_bytes(&output);
        if bytes > PAYLOAD_BYTES {
            let message = format!("a step's answer has {bytes} bytes, and {PAYLOAD_BYTES} is the limit");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        self.service.tokens.answer(token, Ok(output));
        Ok(())
    }

    async fn fail(&self, token: &Token, error: &str, cause: &str) -> Result<()> {
        self.service.tokens.answer(token, Err(Failure::new(error, cause)));
        Ok(())
    }

    async fn stop(&self, run: &RunKey, cause: &str) -> Result<()> {
        let stop = lock(&self.service.book).executions.get_mut(run).and_then(Option::take);
        if let Some(stop) = stop {
            // An execution that ends in this very moment no longer listens, and stays as it ended.
            let _ = stop.send(cause.to_owned());
        }
        Ok(())
    }

    /// The machine is part of the program: it is there as long as the process is.
    async fn ready(&self) -> Result<Option<bool>> {
        Ok(Some(true))
    }
}

/// An execution from its start to the message that tells of its end.
async fn live(service: Arc<Service>, arrival: Arrival) {
    let Arrival { run, input, stopped } = arrival;
    let execution = Execution { name: run.run.to_string(), input };
    let WorkflowPorts { clock, random, observer, .. } = &service.ports;
    let host = Host { services: &*service, clock: &**clock, random: &**random, observer: &**observer };
    let stop = async {
        match stopped.await {
            Ok(cause) => cause,
            // Nobody can stop it any more.
            Err(oneshot::Canceled) => pending().await,
        }
    };
    let Ended { status, .. } = execute_until(host, &service.machine, &execution, stop).await;
    if let Some(stop) = lock(&service.book).executions.get_mut(&run) {
        *stop = None;
    }
    if status != Status::Succeeded {
        service.tell_end(run, status).await;
    }
}

impl Service {
    /// Sends `finish` until the queue takes it.
    async fn tell_end(&self, run: RunKey, status: Status) {
        let message = Message::Finish { run, cause: Some(status.name().to_owned()) };
        let (mut wait_ms, most_ms) = RESEND_MS;
        while self.ports.queues.send(Queue::Deliveries, &message, 0).await.is_err() {
            self.ports.clock.sleep(wait_ms).await;
            wait_ms = (wait_ms * 2).min(most_ms);
        }
    }
}

#[async_trait]
impl Services for Service {
    async fn send_message(
        &self,
        queue_url: &str,
        body: &Value,
        _: Option<&str>,
    ) -> std::result::Result<Value, Failure> {
        let queue = QUEUES.iter().find(|(name, _)| *name == queue_url).map(|(_, queue)| *queue);
        let queue = queue.ok_or_else(|| Failure::new("SQS.QueueDoesNotExistException", queue_url))?;
        // On AWS such a message would reach a consumer that cannot read it; here the file's author learns it at once.
        let message = serde_json::from_value(body.clone()).map_err(|error| {
            Failure::new("States.Runtime", format!("not a message of the platform: {error}"))
        })?;
        match self.ports.queues.send(queue, &message, 0).await {
            Ok(()) => Ok(json!({})),
            Err(error) => Err(Failure::new("SQS.AmazonSQSException", error.to_string())),
        }
    }

    fn new_token(&self) -> (Token, Answer) {
        self.tokens.open(&*self.ports.random)
    }
}

/// The lock, whatever happened to its last owner: every holder leaves the state whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
