//! Functions at work: each invocation runs the engine over the site's ports, writes its measurements as a line of its log,
//! and leaves the figures that AWS keeps of it.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use engine::error::{Error, ErrorKind, Result};
use engine::health;
use engine::memory::{MemoryQueues, Received};
use engine::ports::{Clock as _, Message, Ports, Queue};
use futures::future::{BoxFuture, Either, FutureExt as _, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use lambda::{CHECK_MS, Emf, RENEW_MS, SPARE_MS};

use super::cause::Cause;
use super::deployed::Function;
use super::{GARBAGE, Profile, Site};
use crate::figures::Metric;

/// How long a message in hand is invisible, and how soon a failed one comes back at first.
const INVISIBLE_MS: u64 = lambda::INVISIBLE_S as u64 * 1_000;
const FIRST_RETRY_MS: u64 = lambda::FIRST_RETRY_S as u64 * 1_000;
/// A refused call is made again after this.
const REFUSED_MS: u64 = 5_000;
/// What starting and answering take.
const INVOKE_MS: u64 = 20;

/// How an invocation ended.
pub(super) enum Ended<T> {
    /// It answered.
    Answered(Result<T>),
    /// Its process ended before it had done anything.
    DiedAtStart,
    /// Its process ended, or was ended.
    Died,
}

impl Site {
    /// One invocation of a function that is let in.
    pub(super) async fn invoke<T>(
        &self,
        name: &'static str,
        work: impl AsyncFnOnce(Ports) -> Result<T>,
    ) -> Ended<T> {
        let function = self.function(name);
        self.record(
            Metric::new("AWS/Lambda", "Invocations", Some(("FunctionName", &self.full_name(name)))),
            1.0,
        );
        self.record(Metric::new("AWS/Lambda", "Throttles", None), 0.0);
        self.time.sleep(INVOKE_MS).await;
        if self.causes.are(Cause::CrashesAtStart(name)) {
            self.failed(&function);
            return Ended::DiedAtStart;
        }
        if self.causes.are(Cause::Crashes(name)) {
            self.failed(&function);
            return Ended::Died;
        }
        let emf = Arc::new(Emf::new(self.common.deployed.stack.clone()));
        let ports = self.ports(name, emf.clone());
        let hangs = self.causes.are(Cause::Hangs(name));
        let work = async {
            if hangs {
                pending::<()>().await;
            }
            work(ports).await
        };
        let outcome = match select(pin!(work), pin!(self.time.sleep(function.timeout_ms))).await {
            Either::Left((answer, _)) => Ended::Answered(answer),
            Either::Right(_) => {
                self.failed(&function);
                return Ended::Died;
            }
        };
        if let Some(line) = emf.take(self.time.now_ms()) {
            self.record_line(&line);
        }
        outcome
    }

    /// Whether AWS refuses an invocation now. It counts that.
    fn is_refused(&self, name: &'static str) -> bool {
        let refused = self.causes.are(Cause::ConcurrencyGone)
            || self.causes.are(Cause::Throttled(name))
            || self.causes.are(Cause::ConcurrencyShort) && self.draw().is_multiple_of(2);
        if refused {
            self.record(Metric::new("AWS/Lambda", "Throttles", None), 1.0);
        }
        refused
    }

    fn failed(&self, function: &Function) {
        if let Some(metric) = &function.failures {
            self.record(metric.clone(), 1.0);
        }
    }

    /// The queue's messages, for ever.
    pub(super) async fn consume(&self, name: &'static str, queue: Queue, queues: &MemoryQueues) {
        let most = self.function(name).concurrency;
        let mut in_hand: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut arrivals = 0;
        loop {
            let off = self.causes.are(Cause::MappingOff(name));
            while !off && in_hand.len() < most {
                let Some(received) = queues.receive(queue) else { break };
                in_hand.push(self.take(name, queue, queues, received).boxed());
            }
            self.collect_dead().await;
            let next = queues.next_visible_ms(queue).filter(|_| in_hand.len() < most);
            let wake = pin!(async {
                match next {
                    _ if off => self.time.sleep(10_000).await,
                    Some(at) => self.time.sleep(at.saturating_sub(self.time.now_ms()).max(1)).await,
                    None => pending().await,
                }
            });
            let done = pin!(async {
                if in_hand.next().await.is_none() {
                    pending::<()>().await;
                }
            });
            if let Either::Right((Either::Left((count, _)), _)) =
                select(done, select(pin!(queues.arrival(arrivals)), wake)).await
            {
                arrivals = count;
            }
        }
    }

    /// One message, from its reception to its end or its return.
    async fn take(&self, name: &'static str, queue: Queue, queues: &MemoryQueues, received: Received) {
        let own_ms = self.visibility_ms(name);
        let hide = |for_ms: u64| {
            queues.change_visibility(queue, received.receipt, self.time.now_ms() + for_ms);
        };
        hide(own_ms);
        while self.is_refused(name) {
            self.time.sleep(REFUSED_MS).await;
        }
        let work = async |ports: Ports| {
            hide(INVISIBLE_MS);
            let handled = pin!(self.handle(name, &ports, &received.message));
            let kept = pin!(async {
                loop {
                    self.time.sleep(RENEW_MS).await;
                    hide(INVISIBLE_MS);
                }
            });
            let late = pin!(self.time.sleep(self.function(name).timeout_ms - SPARE_MS));
            let kept: Either<(), ()> = match select(handled, select(kept, late)).await {
                Either::Left((handled, _)) => return handled,
                Either::Right(_) => Either::Right(()),
            };
            let _ = kept;
            Err(Error::new(ErrorKind::Timeout, "given up before the function's time was over"))
        };
        match self.invoke(name, work).await {
            Ended::Answered(Ok(())) => queues.acknowledge(queue, received.receipt),
            Ended::Answered(Err(_)) => {
                let times = received.receive_count.saturating_sub(1).min(5);
                hide((FIRST_RETRY_MS << times).min(INVISIBLE_MS));
            }
            Ended::Died => hide(INVISIBLE_MS),
            Ended::DiedAtStart => hide(own_ms),
        }
    }

    /// What each function's own `main.rs` does with a message.
    async fn handle(&self, name: &'static str, ports: &Ports, message: &Message) -> Result<()> {
        let other = || Err(Error::new(ErrorKind::InvalidInput, "this queue holds other messages"));
        let is_garbage = message.run().run.as_str() == GARBAGE;
        if name.starts_with("agent-") && self.causes.are(Cause::SecretUnread) {
            return Err(Error::new(ErrorKind::Storage, "simulated: the secret could not be read"));
        }
        match (name, message) {
            ("dead-letter", _) if is_garbage => {
                self.park();
                Ok(())
            }
            ("dead-letter", message) => {
                engine::bury(ports, message).await?;
                ports.metrics.count("dead_letters", 1);
                Ok(())
            }
            _ if is_garbage => Err(Error::new(ErrorKind::InvalidInput, "this is no message of the platform")),
            ("start", Message::Start(run)) => engine::begin_run(ports, run).await,
            ("deliver", Message::Finish { run, cause }) => {
                engine::finish_run(ports, run, cause.as_deref()).await
            }
            ("deliver", Message::Deliver(run)) => engine::deliver(ports, run).await,
            ("agent-light" | "agent-tools" | "agent-semantic", Message::Step(step)) => {
                engine::run_step(ports, step).await
            }
            _ => other(),
        }
    }

    /// A function that the clock calls, for ever.
    pub(super) async fn schedule(&self, name: &'static str, first_ms: u64) {
        let function = self.function(name);
        let mut calls: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut next_ms = self.time.now_ms() + first_ms;
        loop {
            let wait = pin!(self.time.sleep(next_ms.saturating_sub(self.time.now_ms())));
            let done = pin!(async {
                if calls.next().await.is_none() {
                    pending::<()>().await;
                }
            });
            if let Either::Left(_) = select(done, wait).await {
                continue;
            }
            next_ms += function.every_ms;
            if !self.causes.are(Cause::RuleOff(name)) {
                calls.push(self.call(name, function.event_age_ms).boxed());
            }
        }
    }

    async fn call(&self, name: &'static str, age_ms: u64) {
        let until_ms = self.time.now_ms() + age_ms;
        while self.is_refused(name) {
            self.time.sleep(4 * REFUSED_MS).await;
            if self.time.now_ms() >= until_ms {
                return;
            }
        }
        let work = async |ports: Ports| match name {
            "sweep" => engine::sweep(&ports).await.map(|_| ()),
            _ => {
                self.check(&ports).await;
                Ok(())
            }
        };
        if let Ended::Answered(Err(_)) = self.invoke(name, work).await {
            self.failed(&self.function(name));
        }
    }

    /// What `shared/lambda/src/health.rs` does: the engine's own checks over the function's ports, what they found recorded, and
    /// the parts they do not reach.
    async fn check(&self, ports: &Ports) {
        let are = |cause| self.causes.are(cause);
        let readings = health::probe(ports, CHECK_MS).await;
        let recorded = health::within(ports, CHECK_MS, health::history::record(ports, &readings)).await;
        let report = health::Report::new(readings, recorded.ok().as_ref(), self.time.now_ms());
        let silent = [
            are(Cause::SecretGone) || are(Cause::SecretUnread),
            self.profile == Profile::Full && are(Cause::RedisDown),
        ];
        let silent = silent.into_iter().filter(|is_silent| *is_silent).count();
        ports.metrics.count("health_checks_failing", (report.failing() + silent) as u64);
    }

    /// One request to the API: its status.
    pub(super) async fn request<T>(&self, work: impl AsyncFnOnce(&Ports) -> Result<T>) -> Result<T, u16> {
        let answer = if self.is_refused("api") || self.causes.are(Cause::ApiBroken) {
            Err(503)
        } else {
            match self.invoke("api", async |ports| work(&ports).await).await {
                Ended::Answered(answer) => answer.map_err(|error| error.kind().http_status()),
                Ended::Died | Ended::DiedAtStart => Err(500),
            }
        };
        let broken = matches!(&answer, Err(status) if *status >= 500);
        let metric = Metric::new("AWS/ApiGateway", "5xx", Some(("ApiId", super::API_ID)));
        self.record(metric, f64::from(u8::from(broken)));
        answer
    }
}
